"""What a browser is told to refuse, and text of users that must stay text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from expensify_erp.page import app as page_app
from fastapi.testclient import TestClient

from include.ledger.database import Ledger
from tests.include.ledger.company import Company, expense, report
from tests.plugins.expensify_erp.page.conftest import HTML, take

FOLDER = Path(page_app.__file__).parent
HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}"""
FORMULA = '=HYPERLINK("http://evil.example","x")'
KEY = {"tenant": "midwest", "target": "plain:erp.example:ONE", "key": "20261120-1"}


class Tags(HTMLParser):
    """Elements and attributes as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def hostile(ledger: Ledger) -> Company:
    """A report whose every text is an attack, held for its category."""
    company = Company(ledger, "midwest")
    line = expense("t1", 1_000, HOSTILE, merchant=HOSTILE, tags=(HOSTILE,))
    take(company, report("R1", line, name=HOSTILE, submitter_name=HOSTILE, submitter_email=HOSTILE))
    return company


def screens(browser: TestClient) -> dict[str, str]:
    found = {
        path: browser.get(path, headers=HTML).text for path in ("/", "/journals", "/held", "/expenses", "/findings")
    }
    found["journal"] = browser.get("/journals/one", params=KEY, headers=HTML).text
    link = re.search(r'href="/expense-ledger(/held/cause[^"]+)"', found["/held"])
    assert link
    found["cause"] = browser.get(link[1].replace("&amp;", "&"), headers=HTML).text
    for path in ("/journals", "/expenses"):
        found[f"{path}?text"] = browser.get(path, params={"text": HOSTILE}, headers=HTML).text
    found["problem"] = browser.get("/journals", params={"from": "<script>"}, headers=HTML).text
    found["no tenant"] = browser.get("/journals", params={"tenant": HOSTILE}, headers=HTML).text
    return found


def test_text_of_users_stays_text_on_every_screen(admin: TestClient, hostile: Company) -> None:
    shown = screens(admin)
    assert "&lt;img src=x" in shown["journal"]
    for name, text in shown.items():
        assert "49" not in re.sub(r"[0-9:.-]{4,}", "", text), f"{name}: a template inside a text was evaluated"
        for tag, attributes in Tags(text).found:
            assert not [key for key in attributes if key.startswith("on") or key == "style"], (name, tag, attributes)
            assert tag != "img", name
            if tag == "script":
                assert (attributes["src"] or "").startswith("/expense-ledger/static/"), name
            target = attributes.get("href") or attributes.get("action") or ""
            assert not target.lower().startswith(("javascript:", "data:")), (name, target)


def test_nothing_inline_and_nothing_foreign_in_any_template() -> None:
    for template in (FOLDER / "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), template.name
        assert not re.search(r"\bstyle=|\son[a-z]+=|\|\s*safe\b|<style", text), template.name
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), template.name
    for script in (FOLDER / "static").glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script.read_text()), (
            script
        )


@pytest.mark.parametrize("path", ["/", "/journals", "/journals.csv", "/held/replays.json", "/nowhere"])
def test_every_answer_carries_the_headers(admin: TestClient, hostile: Company, path: str) -> None:
    headers = admin.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_static_files_may_be_kept(admin: TestClient) -> None:
    answer = admin.get("/static/page.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


def test_a_static_address_does_not_leave_its_folder(admin: TestClient) -> None:
    assert admin.get("/static/%2e%2e/app.py").status_code == 404


def test_a_download_holds_no_formula(admin: TestClient, ledger: Ledger) -> None:
    company = Company(ledger, "midwest")
    take(company, report("R1", expense("t1", 1_000, FORMULA, merchant=FORMULA), name=FORMULA, submitter_name=FORMULA))
    for path in ("/journals.csv", "/audit.csv", "/held.csv", "/expenses.csv"):
        text = admin.get(path).text
        assert not re.search(r'(^|[,\n"])=HYPERLINK', text), path


def test_there_is_no_way_to_change_anything_here(admin: TestClient, hostile: Company) -> None:
    for path in ("/", "/journals", "/held", "/cut-over", "/journals/one"):
        assert admin.post(path, params=KEY).status_code == 405
