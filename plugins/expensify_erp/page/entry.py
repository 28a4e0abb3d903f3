"""Where the page is: its address, and its entry in Airflow's navigation. Imports nothing, because every process loads it."""

from __future__ import annotations

from typing import Any

URL_PREFIX = "/expense-ledger"

# Without a slash in front, addresses are relative to Airflow's own, also behind a path of a proxy.
_HREF = URL_PREFIX.lstrip("/")

EXTERNAL_VIEW: dict[str, Any] = {
    # One word: the navigation cuts longer ones off.
    "name": "Ledger",
    "href": f"{_HREF}/",
    "icon": f"{_HREF}/static/icon.svg",
    "icon_dark_mode": f"{_HREF}/static/icon_dark.svg",
    "url_route": "expense-ledger",
    "destination": "nav",
    "nav_top_level": True,
}
