import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from include.erps.acumatica.client import AcumaticaErp
from include.erps.port import Line
from include.errors import Misconfigured, NotExecuted, ReferenceTaken, Rejected, UnclearRefusal, UnknownOutcome
from include.sandbox.acumatica import Acumatica, Books
from include.sandbox.faults import Delay, Drip, Drop, Fault, LateEffect, Replace, Status, Truncate
from include.sandbox.server import Sandbox
from tests.include.erps.acumatica.conftest import DAY, HO, bill, checked, journal
from tests.include.erps.shared_state import Budget

Connect = Callable[..., AcumaticaErp]


def ignore(text: str) -> None:
    """Keeps nothing of what is sent."""


def test_a_bill_is_posted_once_to_the_cent(connect: Connect, box: Sandbox, books: Books) -> None:
    sent: list[str] = []
    draft = bill(
        "R00AbCd", Line(1, "62000", 1234, HO, "Taxi"), Line(2, "62100", 10, HO, "Coffee"), Line(3, "62000", 1, HO)
    )
    made = connect().create(checked(draft), sent.append)
    assert (made.number, made.total_cents, made.posting_date, made.currency, made.status, made.lines) == (
        "000001", 1245, DAY, "USD", "Balanced", (("62000", 1234), ("62100", 10), ("62000", 1)),
    )  # fmt: skip
    (posted,) = books.bills
    header = ("Type", "Vendor", "VendorRef", "Date", "PostPeriod", "Amount", "BranchID")
    assert {name: posted.fields[name] for name in header} == {
        "Type": "Bill", "Vendor": "EMPLOYEES", "VendorRef": "R00AbCd", "Date": DAY, "PostPeriod": "102026",
        "Amount": Decimal("12.45"), "BranchID": "HQ",
    }  # fmt: skip
    first = posted.details["Details"][0].fields
    line = ("Account", "Subaccount", "Branch", "Qty", "ExtendedCost", "TransactionDescription")
    assert {name: first[name] for name in line} == {
        "Account": "62000", "Subaccount": "000000", "Branch": "HQ", "Qty": Decimal(1), "ExtendedCost": Decimal("12.34"),
        "TransactionDescription": "Taxi",
    }  # fmt: skip
    assert len(sent) == 1
    assert '"ExtendedCost":{"value":12.34}' in sent[0]
    assert box.operations("acumatica") == ["token", "PUT Bill"]


def test_a_journal_is_posted_with_its_reference_in_the_header(connect: Connect, books: Books) -> None:
    made = connect(document="journal").create(checked(journal()), ignore)
    assert (made.number, made.total_cents, made.posting_date, made.status, made.lines) == (
        "GL000001", 12540, DAY, "Balanced", (("62000", 12540), ("20100", -12540)),
    )  # fmt: skip
    (posted,) = books.batches
    assert posted.fields["Description"] == "Expensify R00AbCd-C: October travel"
    assert (posted.fields["LedgerID"], posted.fields["PostPeriod"]) == ("ACTUAL", "102026")
    assert [(line.cents("DebitAmount"), line.cents("CreditAmount")) for line in posted.details["Details"]] == [
        (12540, 0),
        (0, 12540),
    ]


def test_a_negative_total_is_a_debit_adjustment(connect: Connect, books: Books) -> None:
    draft = checked(bill("R2", Line(1, "62000", -5000, HO), Line(2, "62100", 1999, HO)))
    client = connect()
    made = client.create(draft, ignore)
    assert (made.total_cents, made.lines) == (-3001, (("62000", -5000), ("62100", 1999)))
    (posted,) = books.bills
    assert (posted.fields["Type"], posted.fields["Amount"]) == ("Debit Adj.", Decimal("30.01"))
    (found,) = client.find(draft)
    assert (found.number, found.total_cents, found.live, found.lines) == ("000001", -3001, True, made.lines)


def test_projects_tasks_and_tax_category_are_sent(connect: Connect, books: Books) -> None:
    lines = (
        Line(1, "62000", 100, {**HO, "project": "P100", "phase": "01"}),
        Line(2, "62000", 200, HO),
    )
    books.tax_percent["EMPLOYEES"] = 20
    client = connect(project_task="{phase}", non_project="X", tax_category="EXEMPT", send_total=True)
    assert client.create(checked(bill("R3", *lines)), ignore).total_cents == 300
    first, second = books.bills[0].details["Details"]
    assert (first.fields["Project"], first.fields["ProjectTask"], first.fields["TaxCategory"]) == (
        "P100",
        "01",
        "EXEMPT",
    )
    assert (second.fields["Project"], second.fields.get("ProjectTask")) == ("X", None)


def test_tax_that_the_vendor_adds_shows_in_the_total(connect: Connect, books: Books) -> None:
    books.tax_percent["EMPLOYEES"] = 20
    assert connect().create(checked(bill()), ignore).total_cents == 15048


def test_a_period_that_closed_after_the_check_is_seen_before_anything_is_sent(
    connect: Connect, box: Sandbox, books: Books
) -> None:
    books.set_period("102026")
    assert not books.preferences.restrict_closed_periods, "the site itself would post it, with a warning"
    with pytest.raises(
        Rejected, match=r"R00AbCd is not sent: The financial period 10-2026 .* is Closed.*clear the task"
    ):
        connect(seen_open=False).create(checked(bill()), ignore)
    assert "PUT Bill" not in box.operations("acumatica")


def test_the_period_is_asked_for_once_for_many_documents(connect: Connect, box: Sandbox) -> None:
    for number in range(3):
        connect(seen_open=False).create(checked(bill(f"R{number}")), ignore)
    assert box.operations("acumatica").count("GET FinancialPeriod") == 1


def test_a_period_that_cannot_be_asked_for_sends_nothing(connect: Connect, box: Sandbox) -> None:
    box.faults.add(Fault("acumatica", "GET FinancialPeriod", Status(500), times=9))
    with pytest.raises(NotExecuted, match="financial periods"):
        connect(seen_open=False).create(checked(bill()), ignore)
    assert "PUT Bill" not in box.operations("acumatica")


def test_a_period_that_closes_in_the_last_instant_warns_in_the_status(connect: Connect, books: Books) -> None:
    made = connect().create(checked(bill()), lambda _: books.set_period("102026"))
    assert made.number == "000001"
    assert (
        made.status == "Balanced (warning: PostPeriod: The 10-2026 financial period is closed in the Sandbox company.)"
    )


def test_a_draft_without_details_is_checked_first(connect: Connect, books: Books) -> None:
    assert connect().create(bill(), ignore).number == "000001"
    books.find("Account", AccountCD="62000").fields["Active"] = False  # type: ignore[union-attr]
    with pytest.raises(Rejected, match="inactive"):
        connect().create(bill("R9"), ignore)


def test_nothing_is_sent_when_the_evidence_cannot_be_kept(connect: Connect, box: Sandbox) -> None:
    def fail(text: str) -> None:
        raise RuntimeError("ledger locked")

    with pytest.raises(RuntimeError, match="ledger locked"):
        connect().create(checked(bill()), fail)
    # The token is there when the evidence is written: nothing but the create comes after it.
    assert box.operations("acumatica") == ["token"]


REFUSED = [
    ("unknown account", lambda b: b.all("Account").clear(), "Details 1.Account: 'Account' cannot be found"),
    ("inactive account", lambda b: b.get("Account", AccountCD="62000").fields.update(Active=False), "Account is inactive"),
    ("vendor on hold", lambda b: b.get("Vendor", VendorID="EMPLOYEES").fields.update(Status="On Hold"), "Vendor: The"),
    ("inactive period", lambda b: b.set_period("102026", "Inactive"), "10-2026 financial period is inactive"),
    ("no period", lambda b: b.all("FinancialPeriod").clear(), "10/31/2026 date does not exist"),
    ("totals", lambda b: setattr(b.preferences, "validate_totals", True), "out of the balance"),
    ("subaccount", lambda b: b.all("Subaccount").clear(), "'Subaccount' cannot be found"),
    ("branch", lambda b: [line.details.clear() or line.details.update(Branches=[]) for line in b.all("Ledger")], "Branch"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_refusal_is_read_to_its_leaves(
    connect: Connect, books: Books, spoil: Callable[[Books], object], said: str
) -> None:
    spoil(books)
    with pytest.raises(Rejected) as caught:
        connect().create(checked(bill()), ignore)
    assert said in str(caught.value)
    assert caught.value.raw_answer is not None
    assert books.bills == []


def test_a_closed_period_that_is_restricted_is_refused(connect: Connect, books: Books) -> None:
    books.preferences.restrict_closed_periods = True
    books.set_period("102026")
    with pytest.raises(Rejected, match="10-2026 financial period is closed"):
        connect().create(checked(bill()), ignore)


def test_a_used_vendor_reference_is_looked_up(connect: Connect, books: Books) -> None:
    books.preferences.duplicate_vendor_ref_is_error = True
    client = connect()
    client.create(checked(bill()), ignore)
    with pytest.raises(NotExecuted, match="already"):
        client.create(checked(bill()), ignore)
    assert [one.number for one in client.find(bill())] == ["000001"]


@pytest.mark.parametrize("said", ["'Vendor Ref.' must be unique.", "Diese Nummer gibt es schon.", "Duplicated: 000017"])
def test_a_vendor_reference_is_known_as_used_in_any_words(connect: Connect, box: Sandbox, said: str) -> None:
    body = {"error": "Inserting raised at least one error.", "VendorRef": {"value": "R00AbC123", "error": said}}
    box.faults.add(Fault("acumatica", "PUT Bill", Status(422, json.dumps(body)), when="before"))
    with pytest.raises(ReferenceTaken) as caught:
        connect().create(checked(bill()), ignore)
    assert said in str(caught.value)
    assert caught.value.raw_answer is not None


def test_a_put_that_is_not_let_in_was_not_carried_out_whatever_the_next_sign_in_says(
    connect: Connect, box: Sandbox, site: Acumatica
) -> None:
    draft = checked(bill())
    client = connect()
    client.find(draft)
    site.doors.revoke_all()
    site.doors.applications.clear()
    with pytest.raises(NotExecuted, match="ended the session"):
        client.create(draft, ignore)
    with pytest.raises(Misconfigured, match="invalid_client"):
        client.find(draft)


def px(message: str, kind: str = "PX.Data.PXException") -> str:
    return json.dumps({"message": "An error has occurred.", "exceptionMessage": message, "exceptionType": kind})


ANSWERS: list[tuple[str, object, type[Exception], str]] = [
    ("400", Status(400, json.dumps({"modelState": {"entity.Vendor": ["Error converting"]}})), Rejected, "entity.Vendor: Error"),
    ("401", Status(401, "denied"), NotExecuted, "ended the session"),
    ("403", Status(403, json.dumps({"message": "no rights"})), Rejected, "role access"),
    ("404", Status(404, "<html>"), Rejected, "erp.version"),
    ("406", Status(406), Rejected, "406"),
    ("412", Status(412), Rejected, "412"),
    ("415", Status(415), Rejected, "415"),
    ("422 empty", Status(422, "{}"), Rejected, "without a reason"),
    ("422 html", Status(422, "<html>"), Rejected, "without a reason"),
    ("429", Status(429, "The custom error module does not recognize this error."), NotExecuted, "licence"),
    ("login limit", Status(500, px("API Login Limit")), NotExecuted, "no free session"),
    ("busy", Status(500, px("The previous operation has not been completed yet.")), NotExecuted, "busy"),
    ("setup", Status(500, px("x", "PX.Data.PXSetupNotEnteredException")), Rejected, "setup"),
    ("timeout", Status(500, px("Execution Timeout Expired")), UnknownOutcome, "Timeout"),
    ("deadlock", Status(500, px("deadlock victim")), UnknownOutcome, "500"),
    ("own 500", Status(500, px("The vendor class is missing")), UnclearRefusal, "vendor class"),
    ("other 500", Status(500, px("Object reference not set", "System.NullReferenceException")), UnknownOutcome, "reference"),
    ("bare 500", Status(500, '{"message":"An error has occurred."}'), UnknownOutcome, "An error"),
    ("502", Status(502, "<html>"), UnknownOutcome, "502"),
    ("503", Status(503), UnknownOutcome, "503"),
    ("302", Status(302, "", {"Location": "/login"}), UnknownOutcome, "302"),
    ("204", Status(204), UnknownOutcome, "204"),
    ("201", Status(201, '{"ReferenceNbr":{"value":"1"}}'), UnknownOutcome, "201"),
    ("no json", Replace("<html>"), UnknownOutcome, "cannot be read"),
    ("empty", Replace(""), UnknownOutcome, "cannot be read"),
    ("list", Replace("[]"), UnknownOutcome, "not a record"),
    ("no number", Replace('{"Type":{"value":"Bill"},"ReferenceNbr":{}}'), UnknownOutcome, "no number"),
    ("new", Replace('{"Type":{"value":"Bill"},"ReferenceNbr":{"value":"<NEW>"}}'), UnknownOutcome, "no number"),
    ("no type", Replace('{"ReferenceNbr":{"value":"1"},"Amount":{"value":1}}'), UnknownOutcome, "without a type"),
    ("amount", Replace('{"Type":{"value":"Bill"},"ReferenceNbr":{"value":1},"Amount":{"value":"x"}}'), UnknownOutcome, "no am"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "expected", "said"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_what_an_answer_means(
    connect: Connect, box: Sandbox, action: object, expected: type[Exception], said: str
) -> None:
    box.faults.add(Fault("acumatica", "PUT Bill", action, when="after"))  # type: ignore[arg-type]
    with pytest.raises(expected, match=f"(?s){said}") as caught:
        connect().create(checked(bill()), ignore)
    assert type(caught.value) is expected
    assert box.operations("acumatica").count("PUT Bill") == 1


LOST = [
    (Drop(), "before", 0), (Drop(), "after", 1), (Truncate(60), "after", 1), (Truncate(60, clean=True), "after", 1),
    (Delay(2), "after", 1), (Drip(3), "after", 1), (LateEffect(0.2), "before", 0),
]  # fmt: skip


@pytest.mark.parametrize(("action", "when", "posted"), LOST, ids=lambda value: type(value).__name__)
def test_a_lost_answer_leaves_the_outcome_open(
    connect: Connect, box: Sandbox, books: Books, action: object, when: str, posted: int
) -> None:
    box.faults.add(Fault("acumatica", "PUT Bill", action, when=when))  # type: ignore[arg-type]
    with pytest.raises(UnknownOutcome):
        connect(timeout=0.5).create(checked(bill()), ignore)
    with box.lock:
        assert len(books.bills) == posted
    assert box.operations("acumatica").count("PUT Bill") == 1


def test_no_connection_is_not_executed(connect: Connect, box: Sandbox) -> None:
    client = connect()
    client.find(bill())

    def stop(text: str) -> None:
        box.stop()

    with pytest.raises((NotExecuted, UnknownOutcome)):
        client.create(checked(bill()), stop)
    with pytest.raises(NotExecuted):
        connect().create(checked(bill()), ignore)


def test_a_token_revoked_right_before_the_create_is_not_executed_and_renewed(
    connect: Connect, box: Sandbox, site: Acumatica, books: Books
) -> None:
    client = connect()

    def revoke(text: str) -> None:
        with box.lock:
            site.doors.revoke_access()

    with pytest.raises(NotExecuted, match="ended the session"):
        client.create(checked(bill()), revoke)
    assert books.bills == []
    assert site.doors.grants == ["password", "refresh_token"]
    assert client.create(checked(bill()), ignore).number == "000001"
    assert box.operations("acumatica") == ["token", "PUT Bill", "token", "PUT Bill"]


def test_a_throttled_create_pauses_everybody(connect: Connect, box: Sandbox) -> None:
    budget = Budget()
    box.faults.add(Fault("acumatica", "PUT Bill", Status(429, "", {"Retry-After": "7"})))
    with pytest.raises(NotExecuted) as caught:
        connect(budget=budget).create(checked(bill()), ignore)
    assert caught.value.delay_s == 7
    assert budget.pauses == [7]


def test_bad_drafts_are_never_sent(connect: Connect, box: Sandbox) -> None:
    with pytest.raises(Rejected, match="cost_center"):
        connect().create(checked(bill("R1", Line(1, "62000", 1, {}))), ignore)
    assert box.operations("acumatica") == []


def test_a_refused_sign_in_stops_before_anything_is_sent(connect: Connect, books: Books) -> None:
    with pytest.raises(Misconfigured, match="invalid_grant"):
        connect(password="wrong").create(checked(bill()), ignore)
    assert books.bills == []


def test_the_day_is_not_shifted(connect: Connect, books: Books) -> None:
    draft = checked(bill(posting_date=date(2026, 12, 31)))
    client = connect()
    assert client.create(draft, ignore).posting_date == date(2026, 12, 31)
    assert books.bills[0].fields["PostPeriod"] == "122026"
    assert client.find(draft)[0].posting_date == date(2026, 12, 31)
