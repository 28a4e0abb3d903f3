import json
from collections.abc import Callable
from decimal import Decimal

import pytest

from include.erps.ifs_cloud.client import IfsCloudErp
from include.erps.port import Line
from include.errors import NotExecuted, Rejected, UnknownOutcome
from include.sandbox.faults import Delay, Drip, Drop, Fault, LateEffect, Replace, Status, Truncate
from include.sandbox.ifs_cloud import Company, IfsCloud
from include.sandbox.server import Sandbox
from tests.include.erps.ifs_cloud.conftest import DAY, journal
from tests.include.erps.shared_state import Budget

Connect = Callable[..., IfsCloudErp]


def test_a_voucher_with_its_rows_is_made_and_numbered_by_type_year_and_number(
    connect: Connect, company: Company
) -> None:
    sent: list[str] = []
    made = connect().create(journal(), sent.append)
    assert (made.number, made.total_cents, made.posting_date, made.live) == ("M/2026/2026000001", 12050, DAY, True)
    assert made.status == "Approved"
    (voucher,) = company.vouchers
    assert (voucher.user_group, voucher.text, voucher.period) == ("AC", "Expensify R00AbC Jane Doe", 11)
    first, second = voucher.rows
    assert (first.account, first.codes, first.debit, first.credit) == (
        "4010",
        {"B": "100", "C": "P1001"},
        Decimal("120.50"),
        None,
    )
    assert (second.account, second.codes, second.debit, second.credit) == ("2410", {}, None, Decimal("120.50"))
    assert {(row.serie, row.reference, row.currency) for row in voucher.rows} == {("EXPENSIFY", "R00AbC", "USD")}
    assert len(sent) == 1
    document = json.loads(sent[0])
    assert document["VoucherRowArray"][0]["CurrencyDebetAmount"] == "120.50"
    # They belong to the template's own date.
    assert not {"AccountingYear", "AccountingPeriod", "VoucherNo"} & set(document)


def test_a_refund_goes_to_the_credit_side(connect: Connect, company: Company) -> None:
    refund = journal("R1", Line(1, "4020", -2150), Line(2, "2410", 2150))
    made = connect().create(refund, lambda _: None)
    assert made.total_cents == 2150
    assert [(row.debit, row.credit) for row in company.vouchers[0].rows] == [
        (None, Decimal("21.50")),
        (Decimal("21.50"), None),
    ]


def test_texts_are_cut_and_characters_kept(connect: Connect, company: Company) -> None:
    long = "Łódź 🚕\n" + "x" * 300
    draft = journal("R1", Line(1, "4020", 100, {}, long), Line(2, "2410", -100, {}, "-"), description=long)
    connect().create(draft, lambda _: None)
    assert company.vouchers[0].text == "Łódź 🚕 " + "x" * 193
    assert company.vouchers[0].rows[0].text == "Łódź 🚕 " + "x" * 193


def test_a_voucher_that_awaits_approval_counts_as_made(connect: Connect, company: Company) -> None:
    company.types["M"].approval = True
    made = connect().create(journal(), lambda _: None)
    assert (made.live, made.status) == (True, "AwaitingApproval")


def test_a_template_changed_in_between_is_read_again_after_a_look_up(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    sent: list[str] = []

    def before_send(document: str) -> None:
        sent.append(document)
        if len(sent) == 1:
            company.enter_voucher([("4020", "1.00"), ("2410", "-1.00")], day=DAY, reference="other")

    made = connect().create(journal(), before_send)
    assert made.number == "M/2026/2026000002"
    assert len(sent) == 2
    assert box.operations("ifs_cloud") == [
        "Token", "Template", "Create", "HoldRows", "LedgerRows", "Company", "Template", "Create",
    ]  # fmt: skip


def test_a_tag_moved_by_our_own_lost_create_is_never_posted_over(connect: Connect, company: Company) -> None:
    """The journal appears between template and create, as an earlier, late create of ours does."""

    def before_send(document: str) -> None:
        company.enter_voucher([("4010", "120.50"), ("2410", "-120.50")], day=DAY, reference="R00AbC")

    with pytest.raises(NotExecuted, match="M/2026/2026000001"):
        connect().create(journal(), before_send)
    assert len(company.vouchers) == 1


def test_a_create_is_given_up_after_five_changed_templates(connect: Connect, box: Sandbox, company: Company) -> None:
    with pytest.raises(NotExecuted, match="5 creates"):
        connect().create(journal(), lambda _: company.touch_template("M"))
    assert box.operations("ifs_cloud").count("Create") == 5
    assert company.vouchers == []


@pytest.mark.parametrize(("status", "body"), [(412, ""), (409, '{"error":{"code":"DATABASE_ERROR","message":"x"}}')])
def test_whatever_says_out_of_date_is_looked_up_first(
    connect: Connect, box: Sandbox, company: Company, status: int, body: str
) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", Status(status, body), when="before"))
    assert connect().create(journal(), lambda _: None).number == "M/2026/2026000001"
    assert box.operations("ifs_cloud").count("HoldRows") == 1


def test_a_failed_look_up_after_a_changed_template_sends_nothing(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    box.faults.add(
        Fault("ifs_cloud", "Create", Status(412)), Fault("ifs_cloud", "LedgerRows", Status(503), times=9)
    )  # fmt: skip
    with pytest.raises(NotExecuted, match="look-up"):
        connect(query_attempts=2).create(journal(), lambda _: None)
    assert company.vouchers == []


@pytest.mark.parametrize(
    "action",
    [Drop(), Status(502, "<html>"), Status(500), Status(504), Truncate(40), Replace("{"), Replace("<html>ok</html>")],
    ids=["drop", "502", "500", "504", "cut", "half-json", "html"],
)
def test_a_lost_answer_is_an_unknown_outcome(connect: Connect, box: Sandbox, company: Company, action: object) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", action, when="after"))  # type: ignore[arg-type]
    with pytest.raises(UnknownOutcome):
        connect().create(journal(), lambda _: None)
    assert box.operations("ifs_cloud").count("Create") == 1
    assert len(company.vouchers) == 1


@pytest.mark.parametrize(
    "rows",
    ["[]", "null", "[1]", '[{"RowNo":"1"}]', '[{"Account":"4010"}]', '[{"Account":"4010","CurrencyDebetAmount":"x"}]'],
)
def test_a_number_is_success_whatever_the_answer_shows_of_the_rows(
    connect: Connect, box: Sandbox, company: Company, rows: str
) -> None:
    key = '"Company":"10","VoucherType":"M","AccountingYear":"2026","VoucherNo":"2026000001"'
    box.faults.add(Fault("ifs_cloud", "Create", Replace(f'{{{key},"VoucherRowArray":{rows}}}'), when="after"))
    made = connect().create(journal(), lambda _: None)
    assert (made.number, made.total_cents, made.lines) == ("M/2026/2026000001", None, None)


@pytest.mark.parametrize(
    "body",
    [
        '{"Company":"20","VoucherType":"M","AccountingYear":"2026","VoucherNo":"1"}',
        '{"Company":"10","VoucherType":"M","AccountingYear":"2026","VoucherNo":null}',
        '{"Company":"10","VoucherType":"M","AccountingYear":"2026"}',
        "{}",
    ],
    ids=["another-company", "null-number", "no-number", "empty"],
)
def test_a_success_without_our_key_is_an_unknown_outcome(
    connect: Connect, box: Sandbox, company: Company, body: str
) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", Replace(body), when="after"))
    with pytest.raises(UnknownOutcome):
        connect().create(journal(), lambda _: None)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, '{"error":{"code":"MI_MODIFIED_ERROR","message":"redeployed"}}'),
        (400, "<html>Bad Request</html>"),
        (404, "<html>nginx</html>"),
        (403, "Forbidden by proxy"),
        (409, ""),
        (408, ""),
        (302, ""),
    ],
)
def test_an_answer_that_is_not_the_services_own_says_nothing(
    connect: Connect, box: Sandbox, company: Company, status: int, body: str
) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", Status(status, body)))
    with pytest.raises(UnknownOutcome):
        connect().create(journal(), lambda _: None)


def test_slow_answers_end_at_the_total_deadline(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", Drip(5, pieces=50), when="after"))
    with pytest.raises(UnknownOutcome):
        connect(timeout=1).create(journal(), lambda _: None)
    box.faults.add(Fault("ifs_cloud", "Create", Delay(3)))
    with pytest.raises(UnknownOutcome):
        connect(timeout=1).create(journal("R2"), lambda _: None)


def test_a_late_effect_meets_the_tag_of_the_next_create(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", LateEffect(0.3)))
    client = connect()
    with pytest.raises(UnknownOutcome):
        client.create(journal(), lambda _: None)
    assert client.find(journal()) == []

    def before_send(_: str) -> None:
        while not company.vouchers:
            pass

    with pytest.raises(NotExecuted, match="looked up"):
        client.create(journal(), before_send)
    assert len(company.vouchers) == 1


def test_a_rate_limit_before_the_create_is_not_executed_and_makes_all_wait(
    connect: Connect, box: Sandbox, company: Company, budget: Budget
) -> None:
    limited = Status(429, '{"error":{"code":"TOO_MANY_REQUESTS","message":"x"}}', {"Retry-After": "17"})
    box.faults.add(Fault("ifs_cloud", "Create", limited))
    with pytest.raises(NotExecuted) as caught:
        connect().create(journal(), lambda _: None)
    assert caught.value.delay_s == 17
    assert budget.pauses == [17]
    assert company.vouchers == []


def test_a_token_that_dies_before_the_create_is_replaced_for_the_next_try(
    connect: Connect, ifs: IfsCloud, company: Company
) -> None:
    client = connect()
    with pytest.raises(NotExecuted, match="token"):
        client.create(journal(), lambda _: ifs.tokens.revoke())
    assert company.vouchers == []
    assert ifs.tokens.issued == 2
    assert client.create(journal(), lambda _: None).number == "M/2026/2026000001"
    assert ifs.tokens.issued == 2


def test_a_locked_record_is_not_executed(connect: Connect, box: Sandbox, company: Company) -> None:
    details = '[{"code":"20113","message":"Voucher.FND_LOCKED: locked"}]'
    body = f'{{"error":{{"code":"DATABASE_ERROR","message":"x","details":{details}}}}}'
    for status in (423, 400):
        box.faults.add(Fault("ifs_cloud", "Create", Status(status, body)))
        with pytest.raises(NotExecuted, match="locked"):
            connect().create(journal(), lambda _: None)


@pytest.mark.parametrize(
    ("break_it", "token", "advice"),
    [
        (lambda c: c.codes.pop(("B", "100")), "CodePartValue.NOT_EXIST", "code part value"),
        (lambda c: c.codes["B", "100"].__setattr__("blocked", True), "CodePartValue.BLOCKED", "code part value"),
        (lambda c: c.codes["B", "100"].__setattr__("budget", True), "CodePartValue.BUDGET_ONLY", "code part value"),
        (lambda c: c.accounts["4010"].demands.update(C="Blocked"), "VoucherRow.CODEPART_BLOCKED", "demands"),
        (lambda c: c.period_of(DAY).closed_for.add("AC"), "UserGroupPeriod.CLOSED", "open the accounting period"),
        (lambda c: c.types["M"].__setattr__("manual", False), "VoucherType.NOT_MANUAL", "erp.voucher_type"),
        (lambda c: c.user_groups.clear(), "UserGroup.NOT_ALLOWED", "erp.user_group"),
    ],
    ids=["missing", "blocked", "budget", "demand", "period", "type", "group"],
)
def test_a_business_refusal_is_rejected_with_its_token_and_advice(
    connect: Connect, company: Company, break_it: Callable[[Company], object], token: str, advice: str
) -> None:
    break_it(company)
    with pytest.raises(Rejected) as caught:
        connect().create(journal(), lambda _: None)
    assert token in str(caught.value)
    assert advice in str(caught.value)
    assert token in (caught.value.raw_answer or "")
    assert company.vouchers == []


def test_a_projection_without_a_grant_is_rejected(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", Status(403, '{"error":{"message":"Insufficient privileges."}}')))
    with pytest.raises(Rejected, match="permission set"):
        connect().create(journal(), lambda _: None)


def test_a_missing_tag_is_refused_and_says_which_setting(connect: Connect, company: Company) -> None:
    with pytest.raises(Rejected, match=r"erp\.post_if_match: true"):
        connect(post_if_match=False).create(journal(), lambda _: None)


def test_a_projection_without_tags_takes_a_create_without_one(
    connect: Connect, ifs: IfsCloud, company: Company
) -> None:
    ifs.post_if_match = False
    assert connect(post_if_match=False).create(journal(), lambda _: None).number == "M/2026/2026000001"


def test_nothing_is_sent_when_the_voucher_type_is_unknown(connect: Connect, box: Sandbox, company: Company) -> None:
    with pytest.raises(Rejected, match="voucher type X"):
        connect(voucher_type="X").create(journal(), lambda _: pytest.fail("sent"))


def test_nothing_is_sent_when_the_template_cannot_be_read(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("ifs_cloud", "Template", Status(503), times=9))
    with pytest.raises(NotExecuted):
        connect(query_attempts=2).create(journal(), lambda _: pytest.fail("sent"))


def test_nothing_is_sent_when_before_send_raises(connect: Connect, box: Sandbox, company: Company) -> None:
    class Lost(Exception):
        pass

    def before_send(_: str) -> None:
        raise Lost

    with pytest.raises(Lost):
        connect().create(journal(), before_send)
    assert "Create" not in box.operations("ifs_cloud")


def test_nothing_reaches_a_server_that_is_gone(connect: Connect, box: Sandbox, company: Company) -> None:
    client = connect()
    with pytest.raises(NotExecuted, match="did not reach"):
        client.create(journal(), lambda _: box.stop())


def test_no_secret_and_no_address_in_any_message(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("ifs_cloud", "Create", Status(500, "s3cr+t &%/é"), when="after"))
    with pytest.raises(UnknownOutcome) as caught:
        connect().create(journal(), lambda _: None)
    assert "s3cr" not in str(caught.value) + str(caught.value.raw_answer)
    assert "127.0.0.1" not in str(caught.value)
