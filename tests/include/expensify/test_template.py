"""The template, rendered by the real FreeMarker engine on hostile data, then read by our own reader."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from include.expensify.client import MARK_TEMPLATE, TEMPLATE
from include.expensify.records import Approver, Expense, Moment, Report, TagLevel, read_export, verify

JAVA_SOURCE = Path(__file__).parent / "freemarker" / "Render.java"
JARS = [Path("/usr/share/java/freemarker.jar"), Path("/usr/share/java/freemarker-17.jar")]
MODES = [
    (),
    ("classic",),
    ("beans",),
    ("beans", "classic"),
    ("locale=de_DE",),
    ("classic", "locale=de_DE"),
    ("locale=ar_EG", "zone=Pacific/Auckland"),
    ("locale=th-TH-u-ca-buddhist", "zone=America/Los_Angeles"),
    ("keep-whitespace",),
    ("version=2.3.31",),
]
Render = Callable[..., bytes]


@pytest.fixture(scope="session")
def render(tmp_path_factory: pytest.TempPathFactory) -> Render:
    """Render batches of reports, one rendering per batch; ``None`` is a rendering without any ``reports``."""
    jar = next((jar for jar in JARS if jar.exists()), None)
    if jar is None or not shutil.which("java") or not shutil.which("javac"):
        pytest.skip("needs java, javac and FreeMarker: apt-get install default-jdk-headless libfreemarker-java")
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-cp", str(jar), "-d", str(classes), str(JAVA_SOURCE)], check=True, timeout=120)

    def run(batches: object, *modes: str, template: str = TEMPLATE) -> bytes:
        folder = tmp_path_factory.mktemp("render")
        (folder / "template.ftl").write_text(template, encoding="utf-8")
        (folder / "data.json").write_text(json.dumps({"batches": batches}), encoding="utf-8")
        command = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", f"{jar}:{classes}", "Render"]
        done = subprocess.run(
            [*command, str(folder / "template.ftl"), str(folder / "data.json"), *modes],
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run


def expense(report_id: str, transaction_id: str, **fields: Any) -> Expense:
    """An expense in which nothing is set but ``fields``."""
    empty: dict[str, Any] = dict.fromkeys(Expense.__struct_fields__)
    return Expense(
        **{**empty, "report_id": report_id, "transaction_id": transaction_id, "tags": (), "defects": (), **fields}
    )


def report(report_id: str, *expenses: Expense, **fields: Any) -> Report:
    empty: dict[str, Any] = dict.fromkeys(Report.__struct_fields__)
    return Report(**{**empty, "report_id": report_id, "expenses": expenses, "approvers": (), "defects": (), **fields})


HOSTILE = "a \"quote\" 'single' \\ back\\\\slash\r\n\ttab </script> <!-- ]]> ${x} #{y} <#if> <@z/> & é 😀 \u2028 \x01\x7f,{}[]"

NORMAL: dict[str, Any] = {
    "reportID": "R00X9oNOn2MO",
    "oldReportID": "123456789012",
    "reportName": HOSTILE,
    "status": "Approved",
    "stateNum": 3,
    "accountEmail": "ann@example.com",
    "accountID": 1234567,
    "submitterUserID": "0042",
    "submitter": {"fullName": 'Ann "A" Ünal', "firstName": "Ann"},
    "manager": {"fullName": "Max"},
    "managerEmail": "max@example.com",
    "created": "2026-01-01",
    "submitted": "2026-01-02 03:04:05",
    "approved": {"$datetime": 1767418445500},
    "reimbursed": "",
    "currency": "USD",
    "total": 1234567,
    "policyID": "0123456789ABCDEF",
    "policyName": "Midwest",
    "isACHReimbursed": False,
    "approvers": [
        {"email": "max@example.com", "date": "2026-01-03 05:34:05", "fullName": "Max", "employeeUserID": "secret"},
        {"email": "", "date": None},
        None,
        "not an object",
        {"email": "eva@example.com"},
    ],
    "customField": {"Project": "x"},
    "transactionList": [
        {
            "transactionID": "4056343049275634494",
            "reportID": "another",
            "externalID": "x",
            "merchant": HOSTILE,
            "modifiedMerchant": "",
            "amount": 1234567,
            "modifiedAmount": 0,
            "convertedAmount": None,
            "currency": "USD",
            "currencyConversionRate": {"$double": "1.0525"},
            "created": "2026-01-01",
            "inserted": {"$datetime": 1767418445000},
            "modifiedCreated": {"$day": "2026-01-02"},
            "category": 'Meals & "Drinks"',
            "categoryGlCode": "0100",
            "tag": r"Plant\: 1:Job",
            "tagGlCode": "P1:J1",
            "reimbursable": True,
            "billable": False,
            "hasTax": True,
            "taxAmount": -1234567,
            "taxRate": "20%",
            "mcc": 5812,
            "bank": "Amex",
            "cardNumber": "1234XXXXXXXX1979",
            "cardID": 1234567,
            "comment": "private",
            "attendees": [{"email": "guest@example.com"}],
            "type": "expense",
        },
        {
            "transactionID": 4056343049275634495,
            "amount": "-250",
            "ntag1": "Plant 1",
            "ntag1GlCode": "P1",
            "ntag2": "",
            "ntag10": "Tenth",
            "cardNumber": "42",
            "reimbursable": "false",
        },
    ],
}

NORMAL_READ = report(
    "R00X9oNOn2MO",
    expense(
        "R00X9oNOn2MO",
        "4056343049275634494",
        external_id="x",
        merchant=HOSTILE,
        amount=1234567,
        modified_amount=0,
        currency="USD",
        currency_conversion_rate=Decimal("1.0525"),
        created=Moment(date(2026, 1, 1)),
        modified_created=Moment(date(2026, 1, 2)),
        inserted=Moment(date(2026, 1, 3), datetime(2026, 1, 3, 5, 34, 5, tzinfo=UTC)),
        category='Meals & "Drinks"',
        category_gl_code="0100",
        tag=r"Plant\: 1:Job",
        tag_gl_code="P1:J1",
        tags=(TagLevel("Plant: 1", "P1"), TagLevel("Job", "J1")),
        reimbursable=True,
        billable=False,
        has_tax=True,
        tax_amount=-1234567,
        tax_rate="20%",
        mcc="5812",
        bank="Amex",
        card_id="1234567",
        card_last4="1979",
        type="expense",
    ),
    expense(
        "R00X9oNOn2MO",
        "4056343049275634495",
        amount=-250,
        tags=(TagLevel("Plant 1", "P1"), *(TagLevel(None, None),) * 8, TagLevel("Tenth", None)),
        card_last4="42",
        reimbursable=False,
    ),
    old_report_id="123456789012",
    report_name=HOSTILE,
    status="APPROVED",
    state_num=3,
    account_email="ann@example.com",
    account_id="1234567",
    submitter_user_id="0042",
    submitter_name='Ann "A" Ünal',
    manager_email="max@example.com",
    manager_name="Max",
    created=Moment(date(2026, 1, 1)),
    submitted=Moment(date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    approved=Moment(date(2026, 1, 3), datetime(2026, 1, 3, 5, 34, 5, tzinfo=UTC)),
    currency="USD",
    total=1234567,
    policy_id="0123456789ABCDEF",
    policy_name="Midwest",
    is_ach_reimbursed=False,
    approvers=(
        Approver("max@example.com", Moment(date(2026, 1, 3), datetime(2026, 1, 3, 5, 34, 5, tzinfo=UTC)), "Max"),
        Approver("eva@example.com", None, None),
    ),
)

# Every field of another type than expected, on every place where the template looks inside.
TWISTED: dict[str, Any] = {
    "reportID": 123456789012,
    "reportName": 1234567,
    "status": True,
    "submitter": "Ann",
    "manager": "",
    "approvers": "",
    "currency": False,
    "total": "1234567",
    "policyID": 1234567,
    "created": {"$date": 1767418445000},
    "transactionList": {
        "$set": [
            {
                "transactionID": 1234567,
                "merchant": 1234567,
                "category": True,
                "amount": {"$double": "NaN"},
                "taxAmount": {"$double": "1234567.5"},
                "convertedAmount": {"$double": "1234567"},
                "reimbursable": "",
                "tag": 100,
                "cardNumber": 4111111111111979,
                "ntag3": 3000,
            }
        ]
    },
}


REPORT_KEYS = """
reportID oldReportID reportName status stateNum accountEmail accountID submitterUserID submitterPayrollID
employeeCustomField1 employeeCustomField2 submitterName managerEmail managerUserID managerName
created submitted approved reimbursed currency total policyID policyName isACHReimbursed entryID approvers
"""
EXPENSE_KEYS = """
reportID transactionID externalID merchant modifiedMerchant amount modifiedAmount convertedAmount currency
currencyConversionRate created modifiedCreated inserted category categoryGlCode categoryPayrollCode tag tagGlCode TAGS
reimbursable billable hasTax isDistance taxAmount modifiedTaxAmount taxName taxRate taxRateName taxCode mcc
bank cardName cardID cardLast4 managedCard type
"""


def read(content: bytes) -> list[Report]:
    verify(content.split(b"\n"))
    return [one for one in read_export(content.split(b"\n")) if isinstance(one, Report)]


@pytest.mark.parametrize("modes", MODES, ids="+".join)
def test_hostile_data_comes_back_as_it_was(render: Render, modes: tuple[str, ...]) -> None:
    bare = {"reportID": "R2", "submitter": None, "transactionList": None}
    nothing = {"reportID": "R3", "transactionList": [], "approvers": [], "total": 0}
    content = render([[NORMAL, bare], [], [nothing, TWISTED], None], *modes)
    normal, second, third, twisted = read(content)
    assert normal == NORMAL_READ
    assert second == report("R2")
    assert third == report("R3", total=0)
    assert (twisted.report_id, twisted.report_name, twisted.total) == ("123456789012", "1234567", 1234567)
    assert (twisted.policy_id, twisted.currency, twisted.submitter_name) == ("1234567", "false", None)
    assert [defect.field for defect in twisted.defects] == ["status"]
    assert twisted.created == Moment(date(2026, 1, 3), datetime(2026, 1, 3, 5, 34, 5, tzinfo=UTC))
    (one,) = twisted.expenses
    assert (one.transaction_id, one.merchant, one.category, one.tag) == ("1234567", "1234567", "true", "100")
    assert (one.converted_amount, one.amount, one.tax_amount) == (1234567, None, None)
    assert [(defect.field, defect.value) for defect in one.defects] == [("amount", "NaN"), ("taxAmount", "1234567.5")]
    assert one.card_last4 == "1979"
    assert one.tags == (TagLevel(None, None), TagLevel(None, None), TagLevel("3000", None))
    assert verify(content.split(b"\n")).renderings == 4


def test_the_lines_are_exactly_those_of_the_format(render: Render) -> None:
    small = {
        "reportID": "R1",
        "total": 1999,
        "manager": {"fullName": "Max"},
        "approvers": [{"fullName": "Max", "email": "m@x"}],
        "transactionList": [{"transactionID": "1", "amount": 1999, "ntag2": "B", "ntag1": "A", "billable": True}],
    }
    assert render([[small], []]).decode() == (
        '{"k":"B","v":1,"reports":1}\n'
        '{"k":"R","reportID":"R1","managerName":"Max","total":1999,"approvers":[{"email":"m@x","name":"Max"}]}\n'
        '{"k":"E","reportID":"R1","transactionID":"1","amount":1999,"ntag1":"A","ntag2":"B","billable":true}\n'
        '{"k":"Z","reportID":"R1","n":1}\n'
        '{"k":"F","reports":1}\n'
        '{"k":"B","v":1,"reports":0}\n'
        '{"k":"F","reports":0}\n'
    )


def test_every_key_stands_in_its_place(render: Render) -> None:
    tags = " ".join(f"ntag{level} ntag{level}GlCode" for level in range(1, 11))
    report_keys = REPORT_KEYS.split()
    expense_keys = EXPENSE_KEYS.replace("TAGS", tags).split()
    one: dict[str, Any] = {key: key for key in expense_keys} | {"cardNumber": "99991234"}
    whole: dict[str, Any] = {
        key: key for key in report_keys if not key.endswith("Name") or key in ("reportName", "policyName")
    }
    whole |= {"submitter": {"fullName": "s"}, "manager": {"fullName": "m"}, "approvers": [{"email": "e"}]}
    whole["transactionList"] = [one]
    _, first, second, *_ = (json.loads(line) for line in render([[whole]]).splitlines())
    assert list(first) == ["k", *report_keys]
    assert list(second) == ["k", *expense_keys]
    assert second["cardLast4"] == "1234"


def test_a_lost_report_is_noticed(render: Render) -> None:
    from include.expensify.records import IncompleteExport

    for batch in ([None, {"reportID": "R1"}], [{"reportID": "R1", "transactionList": [None]}], [{"reportName": "x"}]):
        with pytest.raises(IncompleteExport):
            read(render([batch]))


def test_personal_data_stays_in_expensify(render: Render) -> None:
    text = render([[NORMAL]]).decode()
    for private in ("private", "guest@example.com", "1234XXXX", "customField", "secret"):
        assert private not in text


def test_the_template_is_small_marked_and_of_the_old_language() -> None:
    assert len(TEMPLATE.encode()) < 10_000
    assert re.search(r"<#--[^>]*expensify-erp export v1", TEMPLATE)
    for newer in (
        "?eval_json",
        "?blank_to_null",
        "?truncate",
        "x -> ",
        "?filter",
        "?map",
        "<#ftl",
        "responseCode",
        "?cn",
    ):
        assert newer not in TEMPLATE, newer


def test_the_marking_template_renders(render: Render) -> None:
    for modes in ((), ("classic",)):
        assert render([[NORMAL]], *modes, template=MARK_TEMPLATE) == b"marked"
