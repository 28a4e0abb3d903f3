import pytest
from pydantic import ValidationError

from include.erps.port import Line
from include.erps.registry import settings_class
from include.erps.syspro.settings import SysproSettings
from tests.include.erps.syspro.conftest import bill, journal, settings


def test_the_registry_names_the_model() -> None:
    assert settings_class("syspro") is SysproSettings


def test_defaults() -> None:
    known = settings()
    assert known.document_kind == "journal"
    assert known.account_templates == {"account": "{gl_account}-{cost_center}"}
    assert (known.settle_s, known.max_url_bytes, known.session_idle_renew_s) == (30, 14000, 600)
    assert (SysproSettings.needs_pool, SysproSettings.default_per) == (True, "day")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"document": "ap_invoice"}, "needs the supplier"),
        ({"supplier": "0000101"}, "only used with document: ap_invoice"),
        ({"tax_basis": "E"}, "only used with document: ap_invoice"),
        ({"ap_period": "P"}, "only used with document: ap_invoice"),
        ({"transport": "rest", "soap_base_url": "https://x"}, "set transport: auto"),
        ({"account": "{cost_center}"}, "leaves {gl_account} out"),
        ({"account": "{gl_account"}, "is no template"),
        ({"account": "{gl_account.__class__}"}, "only names in braces"),
        ({"account": "{gl_account:>9}"}, "only names in braces"),
        ({"analysis": {6: "project"}}, "1 to 5"),
        ({"base_path": "Rest/"}, "leading and without a trailing slash"),
        ({"text_patterns": {"session": "("}}, "not a regular expression"),
        ({"error_classes": {"1": "whatever"}}, "Input should be"),
        ({"max_url_bytes": "14000"}, "valid integer"),
        ({"lookup_rows": 50, "lookup_max_rows": 40}, "raise it"),
        ({"unheard_of": 1}, "Extra inputs"),
    ],
)
def test_wrong_combinations_say_what_to_do(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        settings(**changes)


def test_account_from_the_template() -> None:
    assert settings(account="{gl_account}-{cost_center}-00").account("6100", {"cost_center": "P1"}) == "6100-P1-00"
    with pytest.raises(ValueError, match="'cost_center'"):
        settings().account("6100", {})


@pytest.mark.parametrize(
    ("key", "prefix", "expected"),
    [("20261120-1", "EXP", "EXP-20261120-1"), ("r00aBc", "exp", "EXP-R00ABC"), ("R1-C", "", "R1-C")],
)
def test_reference(key: str, prefix: str, expected: str) -> None:
    assert settings().reference(key, prefix, "day") == expected


def test_reference_is_never_cut_or_changed() -> None:
    invoices = settings(document="ap_invoice", supplier="0000101")
    assert settings().reference("A" * 26, "EXP", "report") == "EXP-" + "A" * 26  # 30 characters
    with pytest.raises(ValueError, match="31 characters and SYSPRO takes 30"):
        settings().reference("A" * 27, "EXP", "report")
    assert invoices.reference("A" * 16, "EXP", "report") == "EXP-" + "A" * 16  # 20 characters
    with pytest.raises(ValueError, match="21 characters and SYSPRO takes 20"):
        invoices.reference("A" * 17, "EXP", "report")
    for bad in ("R_1", "R 1", "É1", "R1\n"):
        with pytest.raises(ValueError, match="only A-Z, 0-9"):
            settings().reference(bad, "EXP", "report")


def test_company_comes_from_the_connection() -> None:
    assert settings().company({"company_id": "edu1"}) == "EDU1"
    for extra in ({}, {"company_id": "TOOLONG"}, {"company_id": "A-1"}):
        with pytest.raises(ValueError, match="company_id"):
            settings().company(extra)


def codes(*problems: object) -> list[str]:
    return [problem.code for problem in problems]  # type: ignore[attr-defined]


def test_a_good_draft_has_no_problems() -> None:
    assert settings().problems(journal()) == []
    assert settings(document="ap_invoice", supplier="0000101").problems(bill()) == []


def test_a_net_refund_is_no_invoice_but_a_refund_line_is() -> None:
    invoices = settings(document="ap_invoice", supplier="0000101")
    mixed = bill("EXP-R1", Line(1, "6100-100", 1000), Line(2, "6200-100", -999))
    refund = bill("EXP-R1", Line(1, "6100-100", 1000), Line(2, "6200-100", -1000))
    assert invoices.problems(mixed) == []
    assert codes(*invoices.problems(refund)) == ["net_refund"]


def test_codes_that_sypro_would_change_are_problems() -> None:
    draft = journal("EXP-1", Line(1, "6100-Ω", 100), Line(2, "2150-00 ", -100))
    assert codes(*settings().problems(draft)) == ["code_characters"] * 2
    draft = journal("EXP-1", Line(1, "6" * 36, 100), Line(2, "2150-00", -(10**14)))
    assert codes(*settings().problems(draft)) == ["account_too_long", "amount_too_large"]
    draft = journal("EXP-1", Line(1, "6100", 100, {"project": "P→1"}), Line(2, "2150-00", -100))
    assert codes(*settings(analysis={1: "project"}).problems(draft)) == ["code_characters"]


def test_a_long_document_is_a_problem_of_rest_only() -> None:
    lines = tuple(Line(n, "6100-100", 100 if n % 2 else -100, {}, "Travel & more") for n in range(1, 61))
    draft = journal("EXP-20261120-1", *lines)
    assert codes(*settings(transport="rest").problems(draft)) == ["document_too_long"]
    assert settings(transport="auto").problems(draft) == []
    assert settings(transport="rest").problems(journal()) == []
