"""The `file` and `download` jobs: argument checks, filters, export marks, the file."""

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from include.sandbox.server import Sandbox
from tests.include.sandbox.raw_clients import TEMPLATE, ExpensifyCaller

ALL = {"reportIDList": "R1,R2,R3,R4"}


def code(response: httpx.Response) -> tuple[int, int, str]:
    body = response.json()
    return response.status_code, body["responseCode"], body["responseMessage"]


def test_the_answer_is_a_bare_file_name(expensify: ExpensifyCaller) -> None:
    response = expensify.export(ALL)
    assert re.fullmatch(r"erp[0-9a-f]{8}-[0-9a-f-]{27}\.txt", response.text)
    assert response.headers["content-type"] == "text/plain;charset=utf-8"


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (ALL, {"R1", "R2", "R3", "R4"}),
        ({"reportIDList": "R1,R9"}, {"R1"}),
        # Exclusive and by day; the report that is not approved passes.
        ({"approvedAfter": "2026-11-18"}, {"R2", "R3", "R4"}),
        ({"approvedAfter": "2026-11-17"}, {"R1", "R2", "R3", "R4"}),
        ({**ALL, "policyIDList": "A1"}, {"R1", "R2", "R4"}),
        # The later one of created (10th) and submitted (15th), both ends inclusive.
        ({"startDate": "2026-11-15"}, {"R1", "R2", "R3", "R4"}),
        ({"startDate": "2026-11-16"}, set()),
        ({"startDate": "2026-11-01", "endDate": "2026-11-15"}, {"R1", "R2", "R3", "R4"}),
        ({"startDate": "2026-11-01", "endDate": "2026-11-14"}, set()),
        # A state inside the filters is ignored.
        ({**ALL, "reportState": "OPEN"}, {"R1", "R2", "R3", "R4"}),
    ],
)
def test_filters(expensify: ExpensifyCaller, filters: dict[str, str], expected: set[str]) -> None:
    assert expensify.exported(filters) == expected


def test_states_belong_beside_the_filters(expensify: ExpensifyCaller) -> None:
    states = {"reportState": "APPROVED,REIMBURSED"}
    assert expensify.exported(ALL, settings=states) == {"R1", "R2", "R3"}


def test_limit_counts_reports(expensify: ExpensifyCaller) -> None:
    assert len(expensify.exported(ALL, settings={"limit": "3"})) == 3


def test_order_is_not_the_order_of_ids(expensify: ExpensifyCaller) -> None:
    lines = expensify.download(expensify.export(ALL).text).text.splitlines()
    order = [json.loads(line)["reportID"] for line in lines if '"k":"R"' in line]
    assert sorted(order) == ["R1", "R2", "R3", "R4"]
    assert order != sorted(order)


@pytest.mark.parametrize(
    ("filters", "settings", "message"),
    [
        ({}, {}, "At least one of reportIDList, startDate, approvedAfter"),
        ({"policyIDList": "A1"}, {}, "At least one of reportIDList, startDate, approvedAfter"),
        ({"markedAsExported": "x"}, {}, "At least one of reportIDList, startDate, approvedAfter"),
        ({"policyIDList": ["A1"], **ALL}, {}, "'policyIDList' must be a string"),
        (ALL, {"limit": 5}, "'limit' must be a string"),
        (ALL, {"limit": "many"}, "'limit' must be a positive integer, not 'many'"),
        (ALL, {"reportState": "APPROVED, REIMBURSED"}, "Status ' REIMBURSED' is not supported"),
        (ALL, {"reportState": "Approved"}, "Status 'Approved' is not supported"),
        ({"startDate": "16-01-01"}, {}, "Malformed date '16-01-01'. Expected format is yyyy-MM-dd"),
        ({"startDate": "2026-02-30"}, {}, "Malformed date '2026-02-30'. Expected format is yyyy-MM-dd"),
        ({"approvedAfter": "2025-11-20"}, {}, "'endDate' is required when 'approvedAfter'"),
        ({"startDate": "2025-11-20"}, {}, "'endDate' is required when 'startDate'"),
        ({"startDate": "2025-01-01", "endDate": "2026-01-02"}, {}, "must not exceed one year"),
    ],
)
def test_refused_arguments(
    expensify: ExpensifyCaller, filters: dict[str, object], settings: dict[str, object], message: str
) -> None:
    status, number, text = code(expensify.export(filters, settings=settings))
    assert (status, number) == (200, 410)
    assert message in text


@pytest.mark.parametrize(
    "filters",
    [
        {"approvedAfter": "2025-11-21"},
        {"startDate": "2025-01-01", "endDate": "2026-01-01"},
        {"approvedAfter": "2024-05-01", "endDate": "2025-05-01"},
    ],
)
def test_windows_of_up_to_a_year_pass(expensify: ExpensifyCaller, filters: dict[str, str]) -> None:
    assert expensify.export(filters).text.endswith(".txt")


def test_the_template_is_a_form_field(expensify: ExpensifyCaller) -> None:
    response = expensify.export(ALL, template=None, template_in_json=TEMPLATE)
    assert code(response) == (200, 410, "No Template Submitted")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onReceive": None}, "'onReceive' must ask for returnRandomFileName"),
        ({"outputSettings": {"fileExtension": "doc"}}, "File extension 'doc' is not supported"),
        ({"outputSettings": "txt"}, "File extension 'None' is not supported"),
        ({"test": True}, "'test' must be the string true or false"),
        (
            {"onFinish": [{"actionName": "markAsExported"}]},
            "Action 'markAsExported' is not supported or lacks",
        ),
    ],
)
def test_refused_surroundings(expensify: ExpensifyCaller, change: dict[str, Any], message: str) -> None:
    status, number, text = code(expensify.export(ALL, **change))
    assert (status, number) == (200, 410)
    assert message in text


class TestMarking:
    MARK = ({"actionName": "markAsExported", "label": "erp"},)

    def test_marked_reports_are_excluded_by_their_label_only(
        self, sandbox: Sandbox, expensify: ExpensifyCaller
    ) -> None:
        marked = expensify.export({"reportIDList": "R1,R2"}, template="x", onFinish=list(self.MARK))
        assert marked.text.endswith(".txt")
        assert sandbox.expensify.labels == {"R1": {"erp"}, "R2": {"erp"}}
        assert expensify.exported({**ALL, "markedAsExported": "erp"}) == {"R3", "R4"}
        assert expensify.exported({**ALL, "markedAsExported": "other"}) == {"R1", "R2", "R3", "R4"}

    def test_a_test_run_marks_nothing(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        expensify.export({"reportIDList": "R1"}, onFinish=list(self.MARK), test="true")
        assert sandbox.expensify.labels == {}

    def test_a_refused_export_marks_nothing(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        expensify.export({"reportIDList": "R1"}, template=None, onFinish=list(self.MARK))
        assert sandbox.expensify.labels == {}

    def test_the_job_is_recorded_as_marking(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        expensify.export({"reportIDList": "R1"}, onFinish=list(self.MARK))
        expensify.export({"reportIDList": "R2"})
        jobs = sandbox.expensify.jobs
        assert [(job.operation, job.kind, job.reports) for job in jobs] == [
            ("file:mark", "combinedReportData", ("R1",)),
            ("file", "combinedReportData", ("R2",)),
        ]
        assert "credentials" not in jobs[0].description
        assert not jobs[0].in_url


class TestDownload:
    def test_repeatable(self, expensify: ExpensifyCaller) -> None:
        name = expensify.export(ALL).text
        assert expensify.download(name).content == expensify.download(name).content != b""

    def test_not_ready_is_an_empty_body_first(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        sandbox.expensify.ready_after = 2
        name = expensify.export(ALL).text
        sizes = [len(expensify.download(name).content) for _ in range(3)]
        assert sizes[:2] == [0, 0]
        assert sizes[2] > 100

    def test_not_ready_as_404_envelope(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        sandbox.expensify.ready_after, sandbox.expensify.not_ready = 1, "404"
        name = expensify.export(ALL).text
        assert code(expensify.download(name))[:2] == (200, 404)
        assert expensify.download(name).text.startswith('{"k":"B"')

    def test_file_system_must_fit(self, expensify: ExpensifyCaller) -> None:
        assert code(expensify.download(expensify.export(ALL).text, "reconciliation"))[:2] == (200, 404)

    def test_keys_sit_at_the_top(self, expensify: ExpensifyCaller) -> None:
        settings = {"fileName": "x.txt", "fileSystem": "integrationServer"}
        assert code(expensify.job({"type": "download", "inputSettings": settings}))[:2] == (200, 410)


class TestLines:
    def test_every_key_in_its_form(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        sandbox.expensify.add_report(
            {
                "reportID": "R7",
                "reportName": 'Trip "A" </b>',
                "status": "Approved",
                "stateNum": 3,
                "submitter": {"fullName": "Zoë"},
                "employeeCustomField1": "",
                "approved": datetime(2026, 11, 20, 8, 5),  # noqa: DTZ001 (FreeMarker dates carry no zone)
                "currency": "USD",
                "total": 1234567,
                "isACHReimbursed": False,
                "approvers": [
                    {"email": "m@x", "date": "2026-11-20", "fullName": "Max", "employeeUserID": "9"}
                ],
                "transactionList": [
                    {
                        "transactionID": 4056343049275634494,
                        "reportID": "elsewhere",
                        "amount": 1234567,
                        "modifiedAmount": None,
                        "currency": "EUR",
                        "currencyConversionRate": Decimal("1.0880"),
                        "tag": "Plant 1:P-100",
                        "ntag1": "Plant 1",
                        "ntag2": "P-100",
                        "ntag1GlCode": "",
                        "comment": "never printed",
                        "reimbursable": True,
                        "cardNumber": "3782XXXXXXX1979",
                    }
                ],
            }
        )
        name = expensify.export({"reportIDList": "R7"}).text
        assert expensify.download(name).text.splitlines() == [
            '{"k":"B","v":1,"reports":1}',
            '{"k":"R","reportID":"R7","reportName":"Trip \\"A\\" <\\/b>","status":"Approved","stateNum":3,'
            '"submitterName":"Zoë","approved":"2026-11-20 08:05:00","currency":"USD","total":1234567,'
            '"isACHReimbursed":false,"approvers":[{"email":"m@x","date":"2026-11-20","name":"Max"}]}',
            '{"k":"E","reportID":"R7","transactionID":"4056343049275634494","amount":1234567,"currency":"EUR",'
            '"currencyConversionRate":1.0880,"tag":"Plant 1:P-100","ntag1":"Plant 1","ntag2":"P-100",'
            '"reimbursable":true,"cardLast4":"1979"}',
            '{"k":"Z","reportID":"R7","n":1}',
            '{"k":"F","reports":1}',
        ]

    def test_batches_are_several_renderings(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        sandbox.expensify.batch_size = 3
        text = expensify.download(expensify.export(ALL).text).text
        frames = [json.loads(line)["reports"] for line in text.splitlines() if line[6] in "BF"]
        assert frames == [3, 3, 1, 1]

    def test_no_report_is_a_frame_and_not_nothing(self, expensify: ExpensifyCaller) -> None:
        text = expensify.download(expensify.export({"reportIDList": "R9"}).text).text
        assert text == '{"k":"B","v":1,"reports":0}\n{"k":"F","reports":0}\n'
