"""From values to HTML: one strict, always escaping Jinja environment and the few filters the templates use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from expensify_erp import airflow_ui
from expensify_erp.page import links
from expensify_erp.page.navigation import TABS
from include.accounting.money import written

_CODE = re.compile(r"`([^`<>]{1,200})`")
TEMPLATES = Path(__file__).parent / "templates"

STATE_WORDS = {
    "drafted": "Drafted",
    "held": "Held",
    "ready": "Ready",
    "posting": "Posting",
    "posted": "Posted",
    "rejected": "Rejected",
    "conflict": "Conflict",
    "closed": "Closed",
}


@cache
def environment() -> Environment:
    """The templates; a name that is missing is an error, never an empty cell."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        money=money,
        sentence=sentence,
        told_time=told_time,
        moment=moment,
        ago=ago,
        words=words,
        state_word=state_word,
        counted=counted,
        report_link=report_link,
    )
    made.globals.update(airflow_ui=airflow_ui, link=links, query=query, timedelta=timedelta)
    return made


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A screen."""
    root = links.page_root(request)
    context = {
        "page": root,
        "airflow": links.airflow_root(request),
        "here": request.url.path.removeprefix(root),
        "tabs": TABS,
        "now": datetime.now(UTC),
        **values,
    }
    return HTMLResponse(environment().get_template(template).render(context), status)


def render_problem(request: Request, status: int, message: str) -> HTMLResponse:
    """A page that says what is wrong and what to do next."""
    back_to = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return render(
        request,
        "problem.html",
        status,
        title={401: "Not logged in", 403: "Not allowed", 404: "Not found", 503: "Not available now"}.get(
            status, "Error"
        ),
        message={
            401: "Log in to Airflow to see the expense ledger.",
            403: "Your Airflow user may not see this. Ask an administrator for the right to read the plugin and the DAG.",
        }.get(status, message),
        login=links.login(links.airflow_root(request), back_to) if status == 401 else None,
    )


def money(cents: int | None, currency: str | None = None) -> str:
    """``1,240.50 USD``; an en dash where there is no amount."""
    return "–" if cents is None else written(cents, currency)


def moment(at: datetime | None) -> str:
    """``2026-11-20 15:30`` in UTC."""
    return "–" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def ago(at: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: ``3 days``, ``2 h``, ``under a minute``."""
    if at is None:
        return "–"
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} days"


def words(name: str) -> str:
    """``changed_after_posting`` as people write it."""
    return name.replace("_", " ").capitalize()


def state_word(state: str | None) -> str:
    """A journal's state as people write it."""
    return STATE_WORDS.get(state or "", words(state or ""))


def sentence(text: str) -> Markup:
    """Text of ours or of an ERP as a sentence begins, with what stands between backticks as code. Escapes first."""
    escaped = str(escape(text[:1].upper() + text[1:]))
    return Markup(_CODE.sub(r"<code>\1</code>", escaped))


def told_time(text: str | None) -> str:
    """Expensify's own time as the page writes times; a day stays a day, anything else what it is."""
    if not text:
        return ""
    try:
        return text if len(text) == 10 else moment(datetime.fromisoformat(text))
    except ValueError:
        return text


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 journal``, ``1,200 journals``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def report_link(report_id: str) -> str | None:
    """The report's address in Expensify, if links are on."""
    return links.expensify_report(report_id)


def query(values: Mapping[str, Any], **changes: Any) -> str:
    """``?tenant=..&page=2``: the filters that are set, with changes; nothing when none is."""
    merged = {**values, **changes}
    kept = {name: value for name, value in merged.items() if value not in (None, "", ())}
    return f"?{urlencode(kept, doseq=True)}" if kept else ""
