from collections.abc import Callable
from datetime import date

import pytest

from include.erps.ifs_cloud.client import IfsCloudErp
from include.errors import LookupFailed, Misconfigured
from include.sandbox.faults import Action, Drop, Fault, Replace, Status, Truncate
from include.sandbox.ifs_cloud import Company, IfsCloud
from include.sandbox.server import Sandbox
from tests.include.erps.ifs_cloud.conftest import DAY, journal
from tests.include.erps.shared_state import Budget

Connect = Callable[..., IfsCloudErp]
TWO = [("4010", "120.50"), ("2410", "-120.50")]
CENTS = [("4010", 12050), ("2410", -12050)]


def test_nothing_there_is_said_after_both_places_and_the_company_were_read(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    assert connect().find(journal()) == []
    assert box.operations("ifs_cloud") == ["Token", "HoldRows", "LedgerRows", "Company"]


@pytest.mark.parametrize("in_ledger", [False, True], ids=["hold", "ledger"])
def test_what_was_posted_is_found_wherever_it_lies(connect: Connect, company: Company, in_ledger: bool) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC", in_ledger=in_ledger)
    company.enter_voucher(TWO, day=DAY, reference="R00AbCd")
    company.enter_voucher(TWO, day=DAY, reference="R00AbC", serie="OTHER")
    (found,) = connect().find(journal())
    assert (found.number, found.total_cents, found.currency) == ("M/2026/2026000001", 12050, "USD")
    assert (found.posting_date, found.live) == (DAY, True)
    assert sorted(found.lines or ()) == sorted(CENTS)


def test_a_voucher_made_by_us_is_found_before_and_after_the_update_job(connect: Connect, company: Company) -> None:
    client = connect()
    made = client.create(journal(), lambda _: None)
    (held,) = client.find(journal())
    company.update_vouchers()
    (posted,) = client.find(journal())
    assert made.number == held.number == posted.number == "M/2026/2026000001"
    assert sorted(held.lines or ()) == sorted(posted.lines or ()) == sorted(CENTS)


def test_a_cancelled_voucher_is_not_live(connect: Connect, company: Company) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC", status="Cancelled")
    (found,) = connect().find(journal())
    assert (found.live, found.status) == (False, "Cancelled")


def test_a_voucher_that_awaits_approval_is_live(connect: Connect, company: Company) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC", status="AwaitingApproval")
    (found,) = connect().find(journal())
    assert (found.live, found.status) == (True, "AwaitingApproval")


def test_two_vouchers_under_one_reference_are_two(connect: Connect, company: Company) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC", in_ledger=True)
    company.enter_voucher([("4010", "1.00"), ("2410", "-1.00")], day=date(2026, 10, 1), reference="R00AbC")
    found = connect().find(journal())
    assert [(one.number, one.total_cents, one.posting_date) for one in found] == [
        ("M/2026/2026000001", 12050, DAY),
        ("M/2026/2026000002", 100, date(2026, 10, 1)),
    ]


def test_a_voucher_that_moves_while_it_is_looked_for_is_one(connect: Connect, box: Sandbox, company: Company) -> None:
    """In the hold table at the first look, in the ledger at the second, so both show it."""
    company.enter_voucher(TWO, day=DAY, reference="R00AbC")
    box.faults.add(
        Fault("ifs_cloud", "LedgerRows", Status(503), match=lambda _: bool(company.update_vouchers() or True))
    )
    (found,) = connect().find(journal())
    assert (found.number, found.live, found.total_cents) == ("M/2026/2026000001", True, 12050)


def test_a_voucher_that_moves_before_its_header_is_read_is_live(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC")
    box.faults.add(Fault("ifs_cloud", "Voucher", Status(503), match=lambda _: bool(company.update_vouchers() or True)))
    (found,) = connect().find(journal())
    assert (found.number, found.live) == ("M/2026/2026000001", True)


def test_a_voucher_that_vanishes_while_it_is_looked_for_is_a_failed_look_up(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC")
    box.faults.add(Fault("ifs_cloud", "Voucher", Status(503), match=lambda _: bool(company.vouchers.clear() or True)))
    with pytest.raises(LookupFailed, match="M/2026/2026000001"):
        connect().find(journal())


def test_a_company_that_the_user_may_not_see_is_not_an_empty_ledger(
    connect: Connect, ifs: IfsCloud, company: Company
) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC")
    ifs.tokens.clients["expensify"].companies.clear()
    with pytest.raises((LookupFailed, Misconfigured), match="company '10'"):
        connect().find(journal())


@pytest.mark.parametrize("view", ["HoldRows", "LedgerRows"])
@pytest.mark.parametrize(
    "action",
    [
        Status(500),
        Status(400, '{"error":{"message":"Malformed Request."}}'),
        Status(403, '{"error":{"message":"Insufficient privileges."}}'),
        Status(404, '{"error":{"code":"MI_METADATA_NOTFOUND","message":"x"}}'),
        Status(404, '{"error":{"code":"ODP_RESOURCE_NOTFOUND","message":"x"}}'),
        Status(404, "<html>"),
        Status(200, ""),
        Status(200, "{}"),
        Status(200, '{"value":null}'),
        Status(200, '{"value":[1]}'),
        Status(200, '{"value":[{"Company":"10"}]}'),
        Drop(),
    ],
    ids=[
        "500",
        "400",
        "403",
        "404-projection",
        "404-set",
        "404-proxy",
        "empty",
        "no-value",
        "null",
        "no-rows",
        "other",
        "drop",
    ],
)
def test_a_view_that_cannot_be_read_is_a_failed_look_up(
    connect: Connect, box: Sandbox, company: Company, view: str, action: Action
) -> None:
    box.faults.add(Fault("ifs_cloud", view, action, times=99))
    with pytest.raises(LookupFailed):
        connect(query_attempts=2).find(journal())


@pytest.mark.parametrize(
    "action", [Truncate(60), Truncate(60, clean=True), Replace(b"\xff")], ids=["cut", "short", "bytes"]
)
def test_a_cut_answer_is_a_failed_look_up(connect: Connect, box: Sandbox, company: Company, action: Action) -> None:
    company.enter_voucher(TWO, day=DAY, reference="R00AbC")
    box.faults.add(Fault("ifs_cloud", "HoldRows", action, when="after", times=99))
    with pytest.raises(LookupFailed):
        connect(query_attempts=1).find(journal())


def test_a_projection_that_is_not_there_names_the_setting(connect: Connect, ifs: IfsCloud, company: Company) -> None:
    ifs.gone.add("GlVoucherRowsAnalysis")
    with pytest.raises(LookupFailed, match=r"erp\.projections"):
        connect().find(journal())


@pytest.mark.parametrize("rows", [1, 4, 5, 8, 9])
@pytest.mark.parametrize("links", [False, True], ids=["by-skip", "by-link"])
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
def test_all_rows_are_read_page_by_page(
    connect: Connect, ifs: IfsCloud, company: Company, rows: int, links: bool, relative: bool
) -> None:
    ifs.pages.next_link_despite_top, ifs.pages.relative_links = links, relative
    lines = [("4020", "1.00")] * rows + [("2410", f"-{rows}.00")]
    company.enter_voucher(lines, day=DAY, reference="R00AbC")
    (found,) = connect(page_size=4).find(journal())
    assert len(found.lines or ()) == rows + 1
    assert found.total_cents == rows * 100


def test_a_next_page_on_another_host_gets_no_token(connect: Connect, box: Sandbox, company: Company) -> None:
    body = '{"value":[],"@odata.nextLink":"http://localhost:1/x?$skiptoken=1"}'
    box.faults.add(Fault("ifs_cloud", "HoldRows", Replace(body), when="after"))
    with pytest.raises(LookupFailed, match="another host"):
        connect().find(journal())


def test_pages_in_a_circle_end(connect: Connect, box: Sandbox, company: Company) -> None:
    body = '{"value":[],"@odata.nextLink":"VoucherRowSet?$skiptoken=1"}'
    box.faults.add(Fault("ifs_cloud", "HoldRows", Replace(body), when="after", times=9))
    with pytest.raises(LookupFailed, match="circle"):
        connect().find(journal())


def test_more_rows_than_may_be_read_are_a_failed_look_up(connect: Connect, company: Company) -> None:
    company.enter_voucher([("4020", "1.00")] * 9 + [("2410", "-9.00")], day=DAY, reference="R00AbC")
    with pytest.raises(LookupFailed, match="lookup_max_rows"):
        connect(page_size=4, lookup_max_rows=5).find(journal())


def test_reads_are_repeated_when_the_server_stumbles(
    connect: Connect, box: Sandbox, company: Company, budget: Budget
) -> None:
    redeployed = Status(500, '{"error":{"code":"MI_MODIFIED_ERROR","message":"x"}}')
    box.faults.add(
        Fault("ifs_cloud", "HoldRows", redeployed),
        Fault("ifs_cloud", "HoldRows", Status(429, "", {"Retry-After": "0"})),
        Fault("ifs_cloud", "LedgerRows", Drop()),
    )
    assert connect().find(journal()) == []
    assert box.operations("ifs_cloud").count("HoldRows") == 3
    assert budget.pauses == [0]
    # Every request counts, the repeated ones too; token requests do not.
    assert budget.taken == len(box.operations("ifs_cloud")) - 1
    assert box.faults.pending == []


def test_a_long_wait_gives_the_worker_back(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("ifs_cloud", "HoldRows", Status(429, "", {"Retry-After": "1800"})))
    with pytest.raises(LookupFailed) as caught:
        connect().find(journal())
    assert caught.value.delay_s == 1800
    assert box.operations("ifs_cloud").count("HoldRows") == 1


def test_a_serie_changed_in_the_tenant_file_does_not_hide_what_was_sent(connect: Connect, company: Company) -> None:
    (verdict,) = connect(reference_serie="OLD").check([journal()])
    connect(reference_serie="OLD").create(verdict.draft, lambda _: None)
    (found,) = connect(reference_serie="NEW").find(verdict.draft)
    assert found.number == "M/2026/2026000001"
    assert connect(reference_serie="NEW").find(journal()) == []


def test_references_with_quotes_and_signs_are_found(connect: Connect, company: Company) -> None:
    for reference in ("O'Hare & Söhne #1+2/3%", "a b"):
        company.enter_voucher(TWO, day=DAY, reference=reference)
        (found,) = connect().find(journal(reference))
        assert found.total_cents == 12050


def test_that_the_company_can_be_seen_is_relied_on_for_five_minutes(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    now = [1_000_000.0]
    asked = []
    for wait in (0.0, 299.0, 2.0):
        now[0] += wait
        assert connect(now=lambda: now[0]).find(journal()) == []
        asked.append(box.operations("ifs_cloud").count("Company"))
    assert asked == [1, 1, 2]
    with pytest.raises(Misconfigured, match="shows no company '20'"):
        connect(now=lambda: now[0], company="20").find(journal())
