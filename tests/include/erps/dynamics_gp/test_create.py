import json
from datetime import timedelta

import pytest
from lxml import etree

from include.erps.port import Line
from include.errors import Misconfigured, NotExecuted, Rejected, UnknownOutcome
from include.sandbox.dynamics_gp import Company, DynamicsGp
from include.sandbox.faults import Fault, Replace, Status
from include.sandbox.server import Sandbox
from tests.include.erps.dynamics_gp.conftest import DAY, NAME, NOW, Connect, journal
from tests.include.erps.shared_state import Tokens

GP = "{http://schemas.microsoft.com/dynamics/gp/2006/01}"
SYSTEM = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
    "<faultstring>An unexpected error has occurred. Contact your administrator.</faultstring><detail/></s:Fault></s:Body>"
    "</s:Envelope>"
)


def nothing(document: str) -> None:
    """Keeps nothing."""


def test_the_journal_lies_unposted_in_its_batch(connect: Connect, company: Company, api: str) -> None:
    erp = connect(api=api, source_document="GJ")
    draft = erp.check([journal()])[0].draft
    sent: list[str] = []
    erp.create(draft, sent.append)
    (one,) = company.journals
    assert (one.batch, one.state, one.reference, one.day) == ("EXP202610", "Work", "EXP R00AbC", DAY)
    assert [(line.sequence, line.account, line.cents, line.description) for line in one.lines] == [
        (16384, "100-6100-00", 12540, "Travel"),
        (32768, "000-2150-00", -12540, "Payable"),
    ]
    assert (one.source_document, one.currency, one.ledger) == ("GJ", "USD", "Base")
    assert len(sent) == 1


def test_the_soap_document(connect: Connect, company: Company) -> None:
    sent: list[str] = []
    connect(company_id=3, company=None).create(journal(), sent.append)
    root = etree.fromstring(sent[0].encode())
    given = root.find(f".//{GP}glTransaction")
    assert given is not None
    assert given.findtext(f"{GP}Key/{GP}Date") == "2026-10-20T00:00:00"
    assert given.find(f"{GP}Key/{GP}JournalId") is None
    assert given.find(f"{GP}TransactionState").text is None  # type: ignore[union-attr]
    line = given.find(f"{GP}Lines/{GP}GLTransactionLine")
    assert line is not None
    assert [etree.QName(one).localname for one in line][:5] == [
        "Key", "CreditAmount", "DebitAmount", "Description", "GLAccountKey",
    ]  # fmt: skip
    assert (line.findtext(f"{GP}CreditAmount/{GP}Value"), line.findtext(f"{GP}DebitAmount/{GP}Value")) == (
        "0.00",
        "125.40",
    )
    assert root.findtext(f".//{GP}policy/{GP}Key/{GP}Id") == "ffa3b9a6-fa25-47a2-8179-cb37c695455e"


def test_the_sba_document_has_amounts_as_decimals(connect: Connect, company: Company) -> None:
    sent: list[str] = []
    large = (Line(1, "100-6100-00", 9_999_999_999_999, {}, 'Say "é"'), Line(2, "000-2150-00", -9_999_999_999_999, {}))
    connect(api="sba").create(journal("EXP R00AbC", *large), sent.append)
    assert '"DebitAmount":99999999999.99,"CreditAmount":0.00' in sent[0]
    assert json.loads(sent[0])["Lines"][0]["Description"] == 'Say "é"'
    assert company.journals[0].debit_cents == 9_999_999_999_999


def test_the_batch_stays_what_the_check_froze(connect: Connect, company: Company, api: str) -> None:
    draft = connect(api=api).check([journal()])[0].draft
    connect(api=api, batch="OTHER{yyyymm}").create(draft, nothing)
    assert company.journals[0].batch == "EXP202610"


def test_the_policy_is_read_before_the_evidence_is_kept(connect: Connect, box: Sandbox, company: Company) -> None:
    erp = connect()
    seen: list[list[str]] = []
    erp.create(journal(), lambda document: seen.append(box.operations("dynamics_gp")))
    assert seen == [["GetCompanyByKey", "GetCompanyByKey", "GetCompanyByKey", "GetPolicyByOperation"]]
    erp.create(journal(), nothing)
    assert box.operations("dynamics_gp").count("GetPolicyByOperation") == 1


def test_no_policy_no_journal(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("dynamics_gp", "GetPolicyByOperation", Status(500, SYSTEM)))
    with pytest.raises(NotExecuted, match="policy of new journals"):
        connect().create(journal(), nothing)
    assert company.journals == []


@pytest.mark.parametrize("api", ["soap", "sba"])
def test_a_refusal_is_told_in_gps_own_words(connect: Connect, company: Company, api: str) -> None:
    erp = connect(api=api)
    company.accounts["100-6100-00"].active = False
    company.accounts["000-2150-00"].type = "Unit"
    with pytest.raises(Rejected) as caught:
        erp.create(journal(), nothing)
    said = str(caught.value)
    assert said.startswith("EXP R00AbC: Dynamics GP refused it: ")
    assert "The account 100-6100-00 is inactive" in said
    assert "The account 000-2150-00 is not a posting account" in said


def test_a_refusal_whose_words_cannot_be_read_names_where_they_are(
    connect: Connect, box: Sandbox, gp: DynamicsGp, company: Company
) -> None:
    erp = connect()
    company.accounts["100-6100-00"].active = False
    box.faults.add(Fault("dynamics_gp", "GetLoggedValidationResultByKey", Status(500, SYSTEM)))
    with pytest.raises(Rejected, match="Exception Management Console") as caught:
        erp.create(journal(), nothing)
    assert next(iter(gp.logs)) in str(caught.value)


def test_a_system_exception_leaves_the_outcome_open(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("dynamics_gp", "CreateGLTransaction", Replace(SYSTEM), when="after"))
    with pytest.raises(UnknownOutcome):
        connect().create(journal(), nothing)
    box.faults.add(Fault("dynamics_gp", "CreateGLTransaction", Status(500, SYSTEM), when="after"))
    with pytest.raises(UnknownOutcome, match="server failed"):
        connect().create(journal(), nothing)
    assert len(company.journals) == 2


def test_a_batch_that_is_being_posted_is_tried_later(connect: Connect, company: Company, api: str) -> None:
    erp = connect(api=api)
    company.busy_batches.add("EXP202610")
    with pytest.raises(NotExecuted, match="being posted") as caught:
        erp.create(journal(), nothing)
    assert caught.value.delay_s == 120
    assert company.journals == []
    company.busy_batches.clear()
    erp.create(journal(), nothing)
    assert len(company.journals) == 1


def test_a_document_that_is_too_large_needs_a_person(connect: Connect, gp: DynamicsGp, company: Company) -> None:
    gp.soap_limit = 4000
    with pytest.raises(Rejected, match="larger than the Dynamics GP server takes"):
        connect().create(journal(), nothing)


def test_an_operation_that_the_server_does_not_know(connect: Connect, box: Sandbox, company: Company) -> None:
    unknown = SYSTEM.replace("s:Server</faultcode>", "a:ActionNotSupported</faultcode>")
    box.faults.add(Fault("dynamics_gp", "CreateGLTransaction", Status(500, unknown)))
    with pytest.raises(Rejected, match=r"erp\.soap_path"):
        connect().create(journal(), nothing)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"company": "Nobody Ltd."}, r"erp\.company"),
        ({"sba_tenant": "Other"}, r"erp\.sba_tenant"),
        ({"paths": {"journals": "/Financial/Vouchers"}}, r"erp\.paths"),
    ],
    ids=["company", "tenant", "path"],
)
def test_a_wrong_sba_address_is_a_settings_fault(
    connect: Connect, company: Company, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(Misconfigured, match=words):
        connect(api="sba", **changes).create(journal(), nothing)
    assert company.journals == []


def test_what_cannot_be_posted_is_not_sent(connect: Connect, box: Sandbox, api: str) -> None:
    with pytest.raises(Rejected, match="fewer than two lines"):
        connect(api=api).create(journal("EXP R1", Line(1, "100-6100-00", 0)), nothing)
    assert box.calls == []


def test_the_frozen_company_is_used_even_when_its_name_has_changed(connect: Connect, company: Company) -> None:
    draft = connect().check([journal()])[0].draft
    assert draft.details == {"company_id": 3, "batch": "EXP202610"}
    company.name = f"{NAME} (old)"
    connect().create(draft, nothing)
    assert len(company.journals) == 1


def test_the_policy_is_read_once_in_five_minutes_over_all_sessions(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    tokens, now, sent = Tokens(), [NOW], []
    for number, wait in enumerate((0, 299, 2)):
        now[0] += timedelta(seconds=wait)
        connect(shared=tokens, clock=lambda: now[0]).create(journal(f"EXP R{number}"), sent.append)
    assert box.operations("dynamics_gp").count("GetPolicyByOperation") == 2
    policies = [next(etree.fromstring(one.encode()).iter(f"{GP}policy")) for one in sent]
    behaviors = [[one.findtext(f"{GP}Key/{GP}Id") for one in policy.iter(f"{GP}Behavior")] for policy in policies]
    assert behaviors == 3 * [["b0c9fe57-c4f0-4d6a-b0aa-ab4d6d7596c8"]]
    assert [policy.findtext(f"{GP}Key/{GP}Id") for policy in policies] == 3 * ["ffa3b9a6-fa25-47a2-8179-cb37c695455e"]


def test_after_a_refusal_the_policy_is_read_again(connect: Connect, box: Sandbox, company: Company) -> None:
    tokens = Tokens()
    client = connect(shared=tokens)
    with pytest.raises(Rejected):
        client.create(journal("EXP R1", Line(1, "999-9999-00", 100), Line(2, "000-2150-00", -100)), str)
    client.create(journal("EXP R2"), str)
    connect(shared=tokens).create(journal("EXP R3"), str)
    assert box.operations("dynamics_gp").count("GetPolicyByOperation") == 2


def test_the_number_costs_one_question_right_after_the_create(connect: Connect, box: Sandbox, company: Company) -> None:
    client = connect()
    made = client.create(journal("EXP R1"), str)
    before = len(box.operations("dynamics_gp"))
    complete = client.complete(journal("EXP R1"), made)
    assert box.operations("dynamics_gp")[before:] == ["GetGLTransactionList"]
    (stored,) = company.under("EXP R1")
    assert (complete.number, complete.status, complete.raw_answer) == (str(stored.number), "Work", made.raw_answer)
