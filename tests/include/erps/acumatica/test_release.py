from collections.abc import Callable

import pytest

from include.erps.acumatica.client import AcumaticaErp
from include.erps.port import Draft, ErpDocument, Line
from include.errors import LookupFailed, Retryable
from include.sandbox.acumatica import Acumatica, Books
from include.sandbox.faults import Drop, Fault, Status
from include.sandbox.server import Sandbox
from tests.include.erps.acumatica.conftest import HO, bill, checked, journal

Connect = Callable[..., AcumaticaErp]


def made(connect: Connect, draft: Draft) -> ErpDocument:
    return connect(document=draft.kind).create(draft, lambda text: None)


BILL, JOURNAL = checked(bill()), checked(journal())
REFUND = checked(bill("R9", Line(1, "62000", -500, HO)))


def test_without_release_the_document_is_left_to_the_accountant(connect: Connect, box: Sandbox) -> None:
    document = made(connect, BILL)
    before = len(box.calls)
    assert connect().complete(BILL, document) is document
    assert len(box.calls) == before


@pytest.mark.parametrize(
    ("draft", "status", "action"),
    [
        (BILL, "Open", "Bill/ReleaseBill"),
        (REFUND, "Open", "Bill/ReleaseBill"),
        (JOURNAL, "Posted", "JournalTransaction/ReleaseJournalTransaction"),
    ],
    ids=["bill", "debit adjustment", "journal"],
)
@pytest.mark.parametrize("with_host", [False, True])
def test_a_release_is_polled_to_its_end(
    connect: Connect, box: Sandbox, site: Acumatica, draft: Draft, status: str, action: str, with_host: bool
) -> None:
    site.release_s = 0.1
    site.location_with_host = with_host
    document = made(connect, draft)
    done = connect(document=draft.kind, release=True).complete(draft, document)
    assert (done.number, done.status, done.total_cents) == (document.number, status, document.total_cents)
    calls = box.operations("acumatica")
    assert calls.count(f"POST {action}") == 1
    assert calls.count(f"GET {action}/status") > 1


def test_what_is_released_is_not_released_again(connect: Connect, box: Sandbox) -> None:
    document = made(connect, BILL)
    for _ in range(3):
        assert connect(release=True).complete(BILL, document).status == "Open"
    assert box.operations("acumatica").count("POST Bill/ReleaseBill") == 1


def test_a_failed_release_is_tried_again_alone(connect: Connect, box: Sandbox, site: Acumatica, books: Books) -> None:
    site.release_failure = "The account 20000 is inactive."
    document = made(connect, BILL)
    with pytest.raises(Retryable, match=r"account 20000 is inactive.*only the release"):
        connect(release=True).complete(BILL, document)
    site.release_failure = ""
    assert connect(release=True).complete(BILL, document).status == "Open"
    assert box.operations("acumatica").count("PUT Bill") == 1
    assert len(books.bills) == 1


def test_a_lost_answer_to_the_start_does_no_harm(connect: Connect, box: Sandbox) -> None:
    document = made(connect, BILL)
    box.faults.add(Fault("acumatica", "POST Bill/ReleaseBill", Drop(), when="after"))
    with pytest.raises(Retryable):
        connect(release=True).complete(BILL, document)
    assert connect(release=True).complete(BILL, document).status == "Open"
    assert box.operations("acumatica").count("POST Bill/ReleaseBill") == 1


def test_done_at_once_and_an_address_that_leads_nowhere(connect: Connect, box: Sandbox, books: Books) -> None:
    document = made(connect, BILL)
    nowhere = Status(204, "", {"Location": "/entity/Default/24.200.001/Bill/ReleaseBill/status/none"})
    box.faults.add(Fault("acumatica", "POST Bill/ReleaseBill", nowhere, when="before"))
    with pytest.raises(Retryable, match="still Balanced"):
        connect(release=True).complete(BILL, document)
    assert "GET Bill/ReleaseBill/status" not in box.operations("acumatica")


def test_somebody_else_released_it_meanwhile(connect: Connect, box: Sandbox, books: Books) -> None:
    document = made(connect, BILL)
    said = '{"exceptionMessage":"Document Status is invalid for processing."}'
    box.faults.add(Fault("acumatica", "POST Bill/ReleaseBill", Status(500, said), when="after"))
    assert connect(release=True).complete(BILL, document).status == "Open"


@pytest.mark.parametrize("status", ["On Hold", "Pending Approval"])
def test_what_waits_for_a_person_stays_posted(connect: Connect, books: Books, status: str, box: Sandbox) -> None:
    document = made(connect, BILL)
    books.bills[0].fields["Status"] = status
    with pytest.raises(Retryable, match=f"stands in Acumatica and cannot be released while it is {status}") as caught:
        connect(release=True).complete(BILL, document)
    assert caught.value.delay_s == 900
    assert "POST Bill/ReleaseBill" not in box.operations("acumatica")


def test_approval_is_waited_for(connect: Connect, books: Books) -> None:
    books.preferences.approval_of_bills = True
    document = made(connect, BILL)
    assert document.status == "Pending Approval"
    books.bills[0].fields["Status"] = "Balanced"
    assert connect(release=True).complete(BILL, document).status == "Open"


def test_a_release_that_never_ends_is_given_up(connect: Connect, site: Acumatica) -> None:
    site.release_s = 60
    document = made(connect, BILL)
    with pytest.raises(Retryable, match="release_timeout_s"):
        connect(release=True, release_timeout_s=0.05).complete(BILL, document)
    # The session is busy with it: another look-up of bills fails, and says so.
    with pytest.raises(LookupFailed, match="previous operation"):
        connect().find(BILL)


def test_tokens_go_nowhere_else(connect: Connect, box: Sandbox) -> None:
    document = made(connect, BILL)
    elsewhere = Status(202, "", {"Location": "https://evil.example/steal"})
    box.faults.add(Fault("acumatica", "POST Bill/ReleaseBill", elsewhere))
    with pytest.raises(Retryable, match="no address"):
        connect(release=True).complete(BILL, document)


def test_a_deleted_document_is_said(connect: Connect, books: Books) -> None:
    document = made(connect, BILL)
    books.bills.clear()
    with pytest.raises(Retryable, match="deleted"):
        connect(release=True).complete(BILL, document)


def test_an_unposted_batch_counts_as_released(connect: Connect, books: Books) -> None:
    books.preferences.auto_post = False
    document = made(connect, JOURNAL)
    assert connect(document="journal", release=True).complete(JOURNAL, document).status == "Unposted"
