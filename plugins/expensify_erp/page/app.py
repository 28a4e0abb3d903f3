"""The FastAPI application behind the navigation entry. Mounted by Airflow's API server; every door asks Airflow first."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path
from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from expensify_erp.page import screens
from expensify_erp.page.entry import URL_PREFIX
from expensify_erp.page.headers import SecurityHeaders
from expensify_erp.page.rendering import render_problem
from include.errors import ExpenseError, Retryable
from include.ledger.views.paging import WrongCursor

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"


def create_app() -> FastAPI:
    """The page. Nobody gets past the first dependency without a session and the right to Airflow's plugins."""
    app = FastAPI(
        title="Expense ledger",
        dependencies=[Depends(requires_access_view(AccessView.PLUGINS))],
        # The page is for people; a schema would only tell strangers what there is.
        openapi_url=None,
    )
    for router in screens.ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(WrongCursor, _wrong_cursor)
    app.add_exception_handler(ExpenseError, _no_ledger)
    app.add_middleware(SecurityHeaders)
    return app


@cache
def fastapi_app() -> dict[str, Any]:
    """What the plugin gives to Airflow, which asks more than once."""
    return {"app": create_app(), "url_prefix": URL_PREFIX, "name": "Expense ledger"}


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.endswith((".csv", ".json"))


def _answer(request: Request, status: int, message: str) -> Response:
    if _wants_html(request):
        return render_problem(request, status, message)
    return JSONResponse({"detail": message}, status)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _answer(request, error.status_code, str(error.detail))


def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    wrong = ", ".join(str(part["loc"][-1]) for part in error.errors())
    return _answer(request, 422, f"This address has a value that cannot be read: {wrong}.")


def _wrong_cursor(request: Request, error: Exception) -> Response:
    return _answer(request, 422, f"{error}.".capitalize())


def _no_ledger(request: Request, error: Exception) -> Response:
    log.warning("the ledger page cannot be shown: %s", error)
    status = 503 if isinstance(error, Retryable) else 500
    return _answer(request, status, str(error))
