"""Addresses of the page and of what it leads to besides Airflow's own pages (:mod:`expensify_erp.airflow_ui`)."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from airflow.configuration import conf
from fastapi import Request

# Not in Expensify's integration documentation: what its web application itself links to. Empty turns the links off.
REPORT_URL = 'https://www.expensify.com/report?param={"pageReportID":"<report_id>"}'


def airflow_root(request: Request) -> str:
    """The path under which Airflow itself is served, ending in a slash."""
    root: str = request.scope.get("root_path", "")
    mount = root.rpartition("/")[0]
    return f"{mount}/"


def page_root(request: Request) -> str:
    """The path of this page, without a slash at the end."""
    return str(request.scope.get("root_path", ""))


def login(root: str, back_to: str) -> str:
    """Airflow's log-in, which leads back."""
    return f"{root}api/v2/auth/login?next={quote(back_to, safe='')}"


def expensify_report(report_id: str) -> str | None:
    """The report in Expensify, unless ``[expensify_erp] report_url`` turns the links off."""
    template = conf.get("expensify_erp", "report_url", fallback=REPORT_URL)
    if not template.startswith(("https://", "http://")):
        return None
    address, separator, rest = template.partition("?")
    filled = [part.replace("<report_id>", quote(report_id, safe="")) for part in (address, rest)]
    # Braces and quotation marks of the query are sent as a browser would.
    return filled[0] + separator + quote(filled[1], safe="=&%:")


def journal(page: str, tenant: str, target: str, key: str) -> str:
    """The screen of one journal."""
    return f"{page}/journals/one?" + urlencode({"tenant": tenant, "target": target, "key": key})
