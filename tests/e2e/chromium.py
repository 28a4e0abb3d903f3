"""A real Chromium, headless, on the suite's Airflow: Debian's own, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from scripts.local_airflow import LocalAirflow

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_MS = 120_000


def why_not() -> str | None:
    """Why there is no browser here; ``None`` when there is one."""
    if shutil.which("chromium") is None:
        return "no chromium: install Debian's package chromium"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no playwright: it is in requirements-dev.txt"
    return None


@dataclass
class Console:
    """What a page's console says that it should not."""

    errors: list[str] = field(default_factory=list)

    def of(self, part: str) -> list[str]:
        """The errors of addresses that hold ``part``."""
        return [error for error in self.errors if part in error]


@contextmanager
def browser_page(console: Console | None = None, dark: bool = False) -> Iterator[Page]:
    """A fresh window of 1280 x 900, nobody logged in. Skips the test where there is no Chromium."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # A container has neither a user namespace nor a large /dev/shm; nothing foreign is opened here.
        options = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        try:
            context = browser.new_context(
                viewport={"width": 1280, "height": 900}, color_scheme="dark" if dark else "light"
            )
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            if console is not None:
                page.on(
                    "console",
                    lambda said: (
                        console.errors.append(f"{said.location.get('url')}: {said.text}")
                        if said.type == "error"
                        else None
                    ),
                )
                page.on("pageerror", lambda error: console.errors.append(f"{page.url}: {error}"))
            yield page
        finally:
            browser.close()


def log_in(page: Page, airflow: LocalAirflow) -> None:
    """Through Airflow's own form."""
    page.goto(f"{airflow.url}/")
    page.fill("input[name=username]", airflow.username)
    page.fill("input[name=password]", airflow.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/auth/login" not in url)
