"""The table of what an answer to a create means, without a server."""

import json

import httpx
import pytest

from include.erps.ifs_cloud.outcomes import Outcomes, OutOfDate
from include.errors import NotExecuted, Rejected, UnknownOutcome
from include.transport import Answer
from tests.include.erps.ifs_cloud.conftest import journal, settings


def database_error(token: str, oracle: str = "20110") -> str:
    details = [{"code": oracle, "message": f"{token}: übersetzter Text"}]
    return json.dumps({"error": {"code": "DATABASE_ERROR", "message": "m", "details": details}})


def coded(code: str) -> str:
    return json.dumps({"error": {"code": code, "message": "m"}})


def outcome(status: int, body: str, **changes: object) -> None:
    answer = Answer(status, httpx.Headers(), body.encode())
    Outcomes(settings(**changes), lambda text: text).created(journal(), answer)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, coded("ODP_UNSUPPORTED_URL"), Rejected),
        (400, coded("ODP_DESERIALIZATION_ERROR"), Rejected),
        (400, database_error("Voucher.NOT_BALANCED"), Rejected),
        (400, database_error("Something.NEW"), Rejected),
        (400, database_error("Voucher.FND_LOCKED", "20113"), NotExecuted),
        (400, database_error("Voucher.FND_MODIFIED", "20114"), OutOfDate),
        (400, database_error("Voucher.CUSTOM", "20114"), OutOfDate),
        (401, "", NotExecuted),
        (403, json.dumps({"error": {"message": "Insufficient privileges."}}), Rejected),
        (404, coded("MI_METADATA_NOTFOUND"), Rejected),
        (405, coded("ODP_METHOD_NOT_ALLOWED"), Rejected),
        (409, database_error("Voucher.FND_MODIFIED", "20114"), OutOfDate),
        (412, coded("ODP_PRECONDITION_FAILED"), OutOfDate),
        (423, database_error("Voucher.FND_LOCKED", "20113"), NotExecuted),
        (428, coded("ODP_MISSING_PRECONDITION"), Rejected),
        (429, "", NotExecuted),
        (500, coded("MI_MODIFIED_ERROR"), UnknownOutcome),
        (500, database_error("Voucher.FND_MODIFIED", "20114"), UnknownOutcome),
        (501, coded("ODP_NOT_IMPLEMENTED"), Rejected),
        (502, "", UnknownOutcome),
        (504, coded("X"), UnknownOutcome),
        (204, "", UnknownOutcome),
        (200, "", UnknownOutcome),
        (201, "<html>", UnknownOutcome),
        (418, coded("X"), UnknownOutcome),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, int | str) else value.__name__,
)
def test_every_answer_has_its_meaning(status: int, body: str, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        outcome(status, body)


def test_a_token_of_the_customers_own_gets_the_advice_of_its_class() -> None:
    with pytest.raises(Rejected, match="code part value"):
        outcome(400, database_error("Acme.NO_PROJECT"), error_classes={"Acme.NO_PROJECT": "dimension"})
    with pytest.raises(Rejected, match="what it names"):
        outcome(400, database_error("Acme.NO_PROJECT"))
