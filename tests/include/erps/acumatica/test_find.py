from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from include.erps.acumatica.client import AcumaticaErp
from include.erps.port import Line
from include.errors import LookupFailed
from include.sandbox.acumatica import Acumatica, Books, User
from include.sandbox.faults import Fault, Replace
from include.sandbox.server import Sandbox
from include.transport import Answer, HttpClient
from tests.include.erps.acumatica.conftest import DAY, HO, PASSWORD, bill, checked, journal

Connect = Callable[..., AcumaticaErp]


def ignore(text: str) -> None:
    """Keeps nothing."""


def test_nothing_there_is_proven_by_the_branch(connect: Connect, box: Sandbox) -> None:
    assert connect().find(bill()) == []
    assert box.operations("acumatica") == ["token", "GET Bill", "GET Ledger"]


def test_the_proof_is_kept_for_an_hour(connect: Connect, box: Sandbox) -> None:
    now = [1_000_000.0]
    connect(clock=lambda: now[0]).find(bill())
    now[0] += 3000
    connect(clock=lambda: now[0]).find(bill())
    assert box.operations("acumatica").count("GET Ledger") == 1
    now[0] += 601
    connect(clock=lambda: now[0]).find(bill())
    assert box.operations("acumatica").count("GET Ledger") == 2


def test_asked_anew_an_earlier_proof_is_none(connect: Connect, box: Sandbox, site: Acumatica) -> None:
    connect().find(bill())
    site.doors.add_user(User("robot", PASSWORD, frozenset({"WEST"})))
    site.doors.revoke_all()
    erp = connect()
    assert erp.find(bill()) == [], "within an hour of the proof"
    erp.ask_anew()
    with pytest.raises(LookupFailed, match=r"HQ.*branches shown: WEST"):
        erp.find(bill())


def test_a_branch_that_the_user_may_not_see_proves_nothing(connect: Connect, site: Acumatica) -> None:
    connect().create(checked(bill()), ignore)
    site.doors.add_user(User("robot", PASSWORD, frozenset({"WEST"})))
    site.doors.revoke_all()
    for draft, document in ((bill(), "bill"), (journal(), "journal")):
        with pytest.raises(LookupFailed, match=r"HQ.*branches shown: WEST"):
            connect(document=document).find(draft)
    # Without a branch of our own, any branch proves that the user sees something.
    assert connect(branch=None).find(bill("R-none")) == []


def test_a_user_without_any_branch_proves_nothing(connect: Connect, site: Acumatica) -> None:
    site.doors.add_user(User("robot", PASSWORD, frozenset()))
    with pytest.raises(LookupFailed, match="none"):
        connect(branch=None).find(bill())


def test_a_bill_is_found_whoever_the_vendor_is(connect: Connect, books: Books) -> None:
    books.add_vendor("OTHER")
    connect().create(checked(bill()), ignore)
    (found,) = connect(vendor="OTHER").find(checked(bill(), vendor="OTHER"))
    assert (found.number, found.total_cents, found.currency, found.posting_date, found.live, found.status) == (
        "000001", 12540, "USD", DAY, True, "Balanced",
    )  # fmt: skip
    assert found.lines == (("62000", 12540),)


def test_other_types_and_other_references_are_not_ours(connect: Connect, books: Books) -> None:
    books.enter_bill("R00AbCd", [("62000", 12540)], vendor="EMPLOYEES", day=DAY, type="Prepayment")
    books.enter_bill("R00AbCd2", [("62000", 12540)], vendor="EMPLOYEES", day=DAY)
    books.enter_bill("R00AbC", [("62000", 12540)], vendor="EMPLOYEES", day=DAY)
    assert connect().find(bill()) == []


def test_case_and_padding_do_not_hide_a_document(connect: Connect, books: Books) -> None:
    books.enter_bill("r00abcd  ", [("62000", 12540)], vendor="EMPLOYEES", day=DAY)
    assert [one.number for one in connect().find(bill())] == ["000001"]


def test_two_under_one_reference_are_both_shown(connect: Connect, books: Books) -> None:
    for vendor in ("EMPLOYEES", "EP0001"):
        books.enter_bill("R00AbCd", [("62000", 12540)], vendor=vendor, day=DAY)
    assert [(one.number, one.total_cents) for one in connect().find(bill())] == [("000001", 12540), ("000002", 12540)]


@pytest.mark.parametrize(
    ("status", "live"), [("Voided", False), ("Rejected", False), ("Pending Approval", True), ("Closed", True)]
)
def test_what_is_voided_is_not_live(connect: Connect, books: Books, status: str, live: bool) -> None:
    books.enter_bill("R00AbCd", [("62000", 12540)], vendor="EMPLOYEES", day=DAY, Status=status)
    (found,) = connect().find(bill())
    assert (found.live, found.status) == (live, status)


def test_finances_reversal_is_not_a_document_of_ours(connect: Connect, books: Books) -> None:
    connect().create(checked(bill()), ignore)
    books.reverse_bill("000001")
    (found,) = connect().find(bill())
    assert (found.number, found.total_cents, found.live) == ("000001", 12540, False)
    assert found.status == "Balanced, reversed by 000002"


def test_a_debit_adjustment_over_a_part_does_not_reverse(connect: Connect, books: Books) -> None:
    connect().create(checked(bill()), ignore)
    books.reverse_bill("000001").fields["Amount"] = Decimal("25.40")
    assert [(one.number, one.live) for one in connect().find(bill())] == [("000001", True)]


def test_a_reversal_is_not_mistaken_for_a_refund(connect: Connect, books: Books) -> None:
    # The same amount and reference as our refund, but it reverses a bill that somebody keyed.
    books.enter_bill("R00AbCd", [("62000", 5000)], vendor="EMPLOYEES", day=DAY)
    books.reverse_bill("000001")
    refund = bill("R00AbCd", Line(1, "62000", -5000, HO))
    assert [(one.number, one.total_cents) for one in connect().find(refund)] == [("000002", -5000), ("000001", 5000)]


def test_a_refund_is_found_alone(connect: Connect, books: Books) -> None:
    refund = checked(bill("R5", Line(1, "62000", -5000, HO)))
    connect().create(refund, ignore)
    (found,) = connect().find(refund)
    assert (found.total_cents, found.live) == (-5000, True)


def test_a_fraction_of_a_cent_shows_as_a_difference(connect: Connect, books: Books) -> None:
    row = books.enter_bill("R00AbCd", [("62000", 12540)], vendor="EMPLOYEES", day=DAY)
    row.fields["Amount"] = Decimal("125.4001")
    assert connect().find(bill())[0].total_cents == 12541


def test_journals_are_found_by_their_header_and_the_colon_ends_the_reference(connect: Connect, books: Books) -> None:
    client = connect(document="journal")
    client.create(checked(journal("R10")), ignore)
    assert client.find(journal("R1")) == []
    (found,) = client.find(journal("R10"))
    assert (found.number, found.total_cents, found.posting_date, found.lines) == (
        "GL000001", 12540, DAY, (("62000", 12540), ("20100", -12540)),
    )  # fmt: skip


def test_the_payables_own_batch_is_not_a_journal_of_ours(connect: Connect, books: Books) -> None:
    connect(release=True).complete(checked(bill()), connect().create(checked(bill()), ignore))
    assert [row.fields["Module"] for row in books.all("JournalTransaction")] == ["AP"]
    assert connect(document="journal").find(journal("R00AbCd")) == []


def test_a_reversing_batch_marks_the_journal(connect: Connect, books: Books) -> None:
    client = connect(document="journal")
    client.create(checked(journal()), ignore)
    books.reverse_batch("GL000001")
    (found,) = client.find(journal())
    assert (found.number, found.live) == ("GL000001", False)
    assert found.status == "Balanced, reversed by GL000002"


def test_a_second_journal_that_is_no_reversal_is_shown(connect: Connect, books: Books) -> None:
    client = connect(document="journal")
    for _ in range(2):
        client.create(checked(journal()), ignore)
    assert [one.number for one in client.find(journal())] == ["GL000001", "GL000002"]


def test_quotes_in_a_reference_stay_inside_the_text(connect: Connect) -> None:
    assert connect().find(bill("R' or Type eq 'Bill")) == []


@pytest.mark.parametrize(
    "body",
    [
        '[{"id":"1","Type":{"value":"Bill"},"VendorRef":{"value":"other"},"ReferenceNbr":{"value":"9"}}]',
        '[{"id":"1","Type":{"value":"Prepayment"},"VendorRef":{"value":"R00AbCd"},"ReferenceNbr":{"value":"9"}}]',
        '[{"id":"1","Type":{"value":"Bill"},"VendorRef":{},"ReferenceNbr":{"value":"9"}}]',
    ],
    ids=["reference", "type", "empty"],
)
def test_a_server_that_ignores_the_filter_is_not_believed(connect: Connect, box: Sandbox, body: str) -> None:
    box.faults.add(Fault("acumatica", "GET Bill", Replace(body), when="after"))
    with pytest.raises(LookupFailed, match="not asked for"):
        connect().find(bill())


def test_details_that_cannot_be_read_fail_the_look_up(connect: Connect, box: Sandbox, books: Books) -> None:
    books.enter_bill("R00AbCd", [("62000", 12540)], vendor="EMPLOYEES", day=DAY)
    box.faults.add(Fault("acumatica", "GET Bill", Replace("<html>"), when="after", skip=1))
    with pytest.raises(LookupFailed, match="not JSON"):
        connect().find(bill())


def test_more_documents_than_one_page_are_all_seen(connect: Connect, books: Books) -> None:
    for _ in range(53):
        books.enter_bill("R00AbCd", [("62000", 1)], vendor="EMPLOYEES", day=DAY)
    assert len(connect().find(bill())) == 53


def test_questions_are_written_as_the_vendor_writes_them(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    send = HttpClient.request

    def spy(self: HttpClient, method: str, path: str, **options: Any) -> Answer:
        asked.append(path)
        return send(self, method, path, **options)

    monkeypatch.setattr(HttpClient, "request", spy)
    connect().find(journal("R00AbCd"))
    # A blank as %20, for not every reader of a URL takes + for one; options and lists of fields as they are.
    assert asked[1] == (
        "/entity/Default/24.200.001/JournalTransaction?$filter=Module%20eq%20%27GL%27%20and%20startswith%28Description,"
        "%27Expensify%20R00AbCd%3A%27%29&$select=Module,BatchNbr,Status,TransactionDate,PostPeriod,LedgerID,CurrencyID,"
        "Description&$top=50"
    )
