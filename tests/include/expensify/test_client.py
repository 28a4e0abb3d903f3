from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from urllib.parse import quote

import pytest

from include.errors import ExpenseError, Misconfigured, Retryable
from include.expensify.client import MARK_TEMPLATE, TEMPLATE, ExpensifyClient
from include.expensify.query import ALL_STATES, ExportQuery
from include.expensify.replies import BadCredentials, InvalidRequest, NoRights, RateLimited
from include.transport import HttpClient, NoAnswer, NotSent
from tests.include.erps.shared_state import Budget
from tests.include.expensify.scripted_server import Scripted, ScriptedServer, error, scripted

SECRET = "s3cr&t+100%ü"
QUERY = ExportQuery(
    states=("APPROVED", "REIMBURSED"),
    policies=("0123456789ABCDEF", "FEDCBA9876543210"),
    approved_after=date(2026, 1, 31),
    end_date=date(2026, 3, 2),
    exclude_label="erp & sync",
)
BY_ID = ExportQuery(states=ALL_STATES, report_ids=("R1", "R2"))
NAME = "export0fd99e06-a636-4974-b6bc-3ceb12163386.txt"
NAMED = Scripted(NAME.encode())
FILE = b'{"k":"B","v":1,"reports":0}\n{"k":"F","reports":0}\n'


class Time:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@contextmanager
def client(*answers: Scripted, **options: Any) -> Iterator[tuple[ExpensifyClient, ScriptedServer, Budget, Time]]:
    budget, clock = Budget(), Time()
    with scripted(*answers) as server:
        http = HttpClient(server.url, secrets=[SECRET])
        with ExpensifyClient(http, "aa_user", SECRET, budget, sleep=clock.sleep, clock=clock, **options) as opened:
            yield opened, server, budget, clock


def test_export_sends_every_setting_in_the_form_body_and_nothing_in_the_address() -> None:
    with client(Scripted(f"  {NAME}\r\n".encode())) as (expensify, server, budget, _):
        assert expensify.export(QUERY) == NAME
    (asked,) = server.asked
    assert asked.path == "/Integration-Server/ExpensifyIntegrations"
    assert asked.content_type == "application/x-www-form-urlencoded"
    assert asked.job == {
        "type": "file",
        "credentials": {"partnerUserID": "aa_user", "partnerUserSecret": SECRET},
        "onReceive": {"immediateResponse": ["returnRandomFileName"]},
        "inputSettings": {
            "type": "combinedReportData",
            "reportState": "APPROVED,REIMBURSED",
            "filters": {
                "approvedAfter": "2026-01-31",
                "endDate": "2026-03-02",
                "policyIDList": "0123456789ABCDEF,FEDCBA9876543210",
                "markedAsExported": "erp & sync",
            },
        },
        "outputSettings": {"fileExtension": "txt", "fileBasename": "erp"},
    }
    assert asked.form["template"] == TEMPLATE
    assert budget.taken == 1


@pytest.mark.parametrize(
    "body", [NAME, f'"{NAME}"', f"\ufeff{NAME}\r\n", json.dumps({"responseCode": 200, "filename": NAME})]
)
def test_a_file_name_is_read_in_each_form(body: str) -> None:
    with client(Scripted(body.encode())) as (expensify, *_):
        assert expensify.export(BY_ID) == NAME


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"<html><body>Bad Gateway</body></html>",
        b"two words.txt",
        b"bad\x01name",
        b"../etc/passwd",
        b'{"responseCode":200}',
        b'{"responseCode":"soon"}',
        b'{"responseCode":true}',
        b"{",
    ],
)
def test_what_is_no_file_name_is_asked_for_again(body: bytes) -> None:
    with client(Scripted(body), NAMED) as (expensify, server, _, clock):
        assert expensify.export(BY_ID) == NAME
    assert len(server.asked) == 2
    assert len(clock.slept) == 1


def test_repetitions_are_bounded_and_then_retryable() -> None:
    with (
        client(*[Scripted(b"<html>", 502)] * 9, attempts=3) as (expensify, server, budget, _),
        pytest.raises(Retryable, match=r"export 2 reports by ID \(code 502\)"),
    ):
        expensify.export(BY_ID)
    assert len(server.asked) == budget.taken == 3


@pytest.mark.parametrize("code", [401, 401.0, "401", "401.0"])
@pytest.mark.parametrize("status", [200, 401])
def test_bad_credentials_name_the_connection_fields_and_ask_for_a_reread(code: object, status: int) -> None:
    with (
        client(error(code, f"Authentication error for {SECRET}", status=status)) as (expensify, server, *_),
        pytest.raises(BadCredentials, match=r"login \(partnerUserID\) and password") as caught,
    ):
        expensify.policies()
    assert caught.value.reread_connection
    assert isinstance(caught.value, Misconfigured)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (error(401, "Authentication error"), BadCredentials),
        (error(500, "Authentication error"), BadCredentials),
        (error(403, "no admin"), NoRights),
        (error(500, "Not authorized to authenticate as user a"), NoRights),
        (error(404, "policy not found"), InvalidRequest),
        (error(410, "Malformed date '16-01-01'. Expected format is yyyy-MM-dd"), InvalidRequest),
        (error(666, "expense rule already exists"), InvalidRequest),
        (error(500, "Required parameter 'policyName' is missing"), InvalidRequest),
        (error(410, "No Template Submitted", status=410), InvalidRequest),
        (Scripted(b"", 302, {"Location": "https://elsewhere"}), Misconfigured),
    ],
)
def test_what_a_person_must_change_is_never_repeated(answer: Scripted, kind: type[ExpenseError]) -> None:
    with client(answer, NAMED) as (expensify, server, *_), pytest.raises(kind):
        expensify.export(BY_ID)
    assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [error(500, "Something went wrong"), Scripted(b"<h1>", 403), Scripted(b"", 500)])
def test_a_failure_of_the_server_or_a_proxy_is_repeated(answer: Scripted) -> None:
    with client(answer, NAMED) as (expensify, server, *_):
        assert expensify.export(BY_ID) == NAME
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "pause"),
    [
        (error(429, "You have been rate-limited."), 60.0),
        (error("429", "", headers={"Retry-After": "7"}), 7.0),
        (Scripted(b"slow down", 429), 60.0),
        (Scripted(b"", 429, {"Retry-After": "11"}), 11.0),
        (error(429, "", status=429, headers={"Retry-After": "0"}), 0.0),
    ],
)
def test_a_rate_limit_in_each_form_pauses_all_processes(answer: Scripted, pause: float) -> None:
    with client(answer, NAMED) as (expensify, server, budget, clock):
        assert expensify.export(BY_ID) == NAME
    assert budget.pauses == [pause]
    assert budget.taken == len(server.asked) == 2
    assert clock.slept == []  # the budget does the waiting


def test_a_lasting_rate_limit_becomes_retryable_with_its_delay() -> None:
    with (
        client(*[error(429)] * 9, attempts=3) as (expensify, server, budget, _),
        pytest.raises(RateLimited) as caught,
    ):
        expensify.policies()
    assert caught.value.delay_s == 60.0
    assert len(server.asked) == 3
    assert budget.pauses == [60.0, 60.0, 60.0]


def test_a_very_long_rate_limit_is_left_to_the_caller_at_once() -> None:
    limited = Scripted(b"", 429, {"Retry-After": "3600"})
    with client(limited, NAMED) as (expensify, server, budget, _), pytest.raises(RateLimited) as caught:
        expensify.export(BY_ID)
    assert caught.value.delay_s == 3600
    assert budget.pauses == [3600]
    assert len(server.asked) == 1


def test_an_export_whose_answer_is_lost_is_asked_for_once_more() -> None:
    slow = Scripted(NAME.encode(), delay_s=0.5)
    with client(slow, NAMED, file_timeout_s=0.15) as (expensify, server, *_):
        assert expensify.export(BY_ID) == NAME
    assert len(server.asked) == 2


def test_an_export_that_never_answers_is_given_up_after_two_waits() -> None:
    slow = [Scripted(NAME.encode(), delay_s=0.4)] * 5
    with (
        client(*slow, file_timeout_s=0.1) as (expensify, server, *_),
        pytest.raises(NoAnswer, match="export 2 reports"),
    ):
        expensify.export(BY_ID)
    assert len(server.asked) == 2


def test_an_unreachable_server_is_retryable() -> None:
    budget, clock = Budget(), Time()
    http = HttpClient("http://127.0.0.1:9", secrets=[SECRET])
    with ExpensifyClient(http, "aa", SECRET, budget, sleep=clock.sleep) as expensify, pytest.raises(NotSent) as caught:
        expensify.export(BY_ID)
    assert SECRET not in str(caught.value)
    assert budget.taken == 4


def test_download_asks_for_the_file_and_writes_it() -> None:
    into = io.BytesIO()
    with client(Scripted(FILE)) as (expensify, server, *_):
        assert expensify.download(NAME, into) == len(FILE)
    assert into.getvalue() == FILE
    job = server.asked[0].job
    assert (job["type"], job["fileName"], job["fileSystem"]) == ("download", NAME, "integrationServer")


def test_a_large_download_is_complete_and_unchanged() -> None:
    content = b'{"k":"B","v":1,"reports":0}\n' + b"\n" * 600_000 + b'{"k":"F","reports":0}\n'
    into = io.BytesIO(b"before")
    into.seek(6)
    with client(Scripted(content)) as (expensify, *_):
        assert expensify.download(NAME, into) == len(content)
    assert into.getvalue() == b"before" + content


@pytest.mark.parametrize("not_ready", [Scripted(), Scripted(b"\n"), error(404, "not found"), Scripted(b"<h1>", 404)])
def test_a_file_that_is_not_ready_is_downloaded_again_and_never_exported_again(not_ready: Scripted) -> None:
    into = io.BytesIO()
    with client(*[not_ready] * 7, Scripted(FILE)) as (expensify, server, _, clock):
        expensify.download(NAME, into)
    assert into.getvalue() == FILE
    assert [asked.job["type"] for asked in server.asked] == ["download"] * 8
    assert len(clock.slept) == 7
    assert clock.slept[0] < clock.slept[2] < clock.slept[4]


def test_a_file_that_never_becomes_ready_fails_at_the_deadline() -> None:
    with (
        client(*[Scripted()] * 50, ready_within_s=20) as (expensify, server, _, clock),
        pytest.raises(Retryable, match="not ready in time"),
    ):
        expensify.download(NAME, io.BytesIO())
    assert clock.now <= 20
    assert 4 <= len(server.asked) <= 6


def test_however_often_a_file_is_asked_for_the_pauses_stay_half_a_minute() -> None:
    with (
        client(*[Scripted()] * 1200, ready_within_s=33_000) as (expensify, _, _, clock),
        pytest.raises(Retryable, match="not ready in time"),
    ):
        expensify.download(NAME, io.BytesIO())
    assert len(clock.slept) > 1024
    assert all(20 < pause < 40 for pause in clock.slept[6:])


def test_a_download_that_is_cut_off_starts_anew_without_the_first_piece() -> None:
    into = io.BytesIO()
    long = FILE * 20_000
    with client(Scripted(long[:500_000], cut=True), Scripted(FILE)) as (expensify, *_):
        assert expensify.download(NAME, into) == len(FILE)
    assert into.getvalue() == FILE


@pytest.mark.parametrize("message", ["short", "long " * 3000])
def test_an_error_answer_never_reaches_the_file(message: str) -> None:
    into = io.BytesIO()
    with client(error(410, message)) as (expensify, *_), pytest.raises(InvalidRequest):
        expensify.download(NAME, into)
    assert into.getvalue() == b""


def test_html_and_rate_limits_during_a_download_are_repeated_within_bounds() -> None:
    into = io.BytesIO()
    with client(Scripted(b"<html>"), error(429), Scripted(FILE)) as (expensify, _, budget, _clock):
        expensify.download(NAME, into)
    assert into.getvalue() == FILE
    assert budget.pauses == [60.0]
    with client(*[Scripted(b"<html>")] * 9, attempts=3) as (expensify, server, *_), pytest.raises(Retryable):
        expensify.download(NAME, io.BytesIO())
    assert len(server.asked) == 3


def test_marking_is_a_second_file_job_by_id_in_chunks_of_200() -> None:
    ids = [f"R{number}" for number in range(401)]
    marked: list[list[str]] = []
    with client(NAMED, NAMED, NAMED) as (expensify, server, *_):
        expensify.mark_exported([*ids, "R0"], "erp-sync", lambda chunk: marked.append(list(chunk)))
    assert marked == [ids[:200], ids[200:400], ids[400:]]
    first = server.asked[0]
    assert first.job["inputSettings"]["filters"] == {"reportIDList": ",".join(ids[:200])}
    assert first.job["inputSettings"]["reportState"] == "OPEN,SUBMITTED,APPROVED,REIMBURSED,ARCHIVED"
    assert first.job["onFinish"] == [{"actionName": "markAsExported", "label": "erp-sync"}]
    assert first.form["template"] == MARK_TEMPLATE
    assert [asked.job["type"] for asked in server.asked] == ["file"] * 3


def test_marking_that_fails_half_way_says_what_is_marked() -> None:
    marked: list[str] = []
    with client(NAMED, error(403, "no")) as (expensify, *_), pytest.raises(NoRights):
        expensify.mark_exported([f"R{number}" for number in range(300)], "erp", marked.extend)
    assert len(marked) == 200


def test_an_export_marks_nothing() -> None:
    with client(NAMED) as (expensify, server, *_):
        expensify.export(QUERY)
    assert "onFinish" not in server.asked[0].job


def test_policies_and_policy() -> None:
    listed = {"responseCode": 200.0, "policyList": [{"id": "0123456789ABCDEF", "name": "Midwest"}]}
    info = {"responseCode": "200", "policyInfo": {"0123456789ABCDEF": {"tax": {}}}}
    with client(Scripted(json.dumps(listed).encode()), Scripted(json.dumps(info).encode())) as (expensify, server, *_):
        assert expensify.policies() == [{"id": "0123456789ABCDEF", "name": "Midwest"}]
        assert expensify.policy(["0123456789ABCDEF"], ["tax"]) == {"0123456789ABCDEF": {"tax": {}}}
    assert server.asked[0].job["inputSettings"] == {"type": "policyList", "adminOnly": True}
    assert server.asked[1].job["inputSettings"] == {
        "type": "policy",
        "policyIDList": ["0123456789ABCDEF"],
        "fields": ["tax"],
    }


def test_a_json_job_without_its_envelope_is_repeated() -> None:
    good = Scripted(b'{"responseCode":200,"policyList":[]}')
    with client(Scripted(b"OK"), Scripted(b"[]"), good) as (expensify, server, *_):
        assert expensify.policies() == []
    assert len(server.asked) == 3


def test_employees_travel_as_a_form_field_of_their_own() -> None:
    answer = {"responseCode": 200, "updatedEmployeesCount": 0, "skippedEmployees": [{"email": "ü@x", "reason": "no"}]}
    with client(Scripted(json.dumps(answer).encode())) as (expensify, server, *_):
        result = expensify.update_employees([{"employeeEmail": "ü@x"}], dry_run=True)
    assert result["skippedEmployees"] == [{"email": "ü@x", "reason": "no"}]
    assert json.loads(server.asked[0].form["data"]) == [{"employeeEmail": "ü@x"}]
    assert server.asked[0].job["dry-run"] is True


def test_merging_tags_is_refused_before_anything_is_sent() -> None:
    with client() as (expensify, server, *_), pytest.raises(ValueError, match="full list"):
        expensify.update_policy("P", {"tags": {"action": "merge", "source": "inline", "data": []}})
    assert server.asked == []


@pytest.mark.parametrize("code", [401, 403, 410, 429, 500])
def test_no_error_and_no_repr_shows_the_secret(code: int) -> None:
    answer = error(code, f"bad {SECRET} in {quote(SECRET)}")
    with client(*[answer] * 4) as (expensify, *_):
        assert SECRET not in repr(expensify)
        with pytest.raises(ExpenseError) as caught:
            expensify.export(BY_ID)
    assert SECRET not in str(caught.value) + repr(caught.value)
    assert quote(SECRET) not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"states": ()}, "states"),
        ({"states": ("approved",)}, "states"),
        ({"report_ids": (), "approved_after": None}, "either"),
        ({"report_ids": ("R1",), "approved_after": date(2026, 1, 1), "end_date": date(2026, 1, 2)}, "either"),
        ({"report_ids": ("R1,R2",)}, "no Expensify ID"),
        ({"report_ids": ("",)}, "no Expensify ID"),
        ({"report_ids": ("R1",), "policies": ("A B",)}, "no Expensify ID"),
        ({"report_ids": ("R1",), "end_date": date(2026, 1, 2)}, "end_date"),
        ({"report_ids": ("R1",), "exclude_label": " "}, "label"),
        ({"report_ids": tuple(f"R{n}" for n in range(501))}, "501 reports"),
        ({"approved_after": date(2026, 1, 1)}, "end_date"),
        ({"approved_after": date(2026, 1, 1), "end_date": date(2026, 1, 1)}, "365"),
        ({"approved_after": date(2026, 1, 1), "end_date": date(2027, 1, 2)}, "365"),
    ],
)
def test_a_query_that_expensify_would_refuse_or_misread_cannot_be_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ExportQuery(**{"states": ("APPROVED",), **options})


def test_a_query_of_exactly_a_year_is_fine() -> None:
    query = ExportQuery(("APPROVED",), approved_after=date(2026, 1, 1), end_date=date(2027, 1, 1))
    assert query.filters == {"approvedAfter": "2026-01-01", "endDate": "2027-01-01"}


@pytest.mark.parametrize("told", ['["x"]', '"x"', '{"A1": []}', "7"], ids=["list", "text", "list inside", "number"])
def test_workspaces_in_another_shape_are_asked_for_again_later(told: str) -> None:
    body = f'{{"responseCode": 200, "policyInfo": {told}, "policyList": {told}}}'.encode()
    with client(Scripted(body), Scripted(body)) as (expensify, *_):
        with pytest.raises(Retryable, match="cannot be read"):
            expensify.policies()
        with pytest.raises(Retryable, match="cannot be read"):
            expensify.policy(["A1"], ["tags"])
