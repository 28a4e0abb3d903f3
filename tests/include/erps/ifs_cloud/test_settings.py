from typing import Any

import pytest
from pydantic import ValidationError

from include.erps.port import Line
from include.erps.registry import settings_class
from tests.include.erps.ifs_cloud.conftest import journal, settings


def codes(draft: Any, **changes: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.subject) for problem in settings(**changes).problems(draft)]


def test_the_registry_knows_the_type_and_the_defaults_are_the_documented_ones() -> None:
    known = settings()
    assert settings_class("ifs_cloud") is type(known)
    assert (known.company({}), known.company_setting, known.document_kind) == ("10", "10", "journal")
    assert (known.marks, known.max_lines, known.default_per, known.needs_pool) == ("refused", 1000, "report", False)
    assert (known.voucher_type, known.user_group, known.reference_serie) == ("M", None, "EXPENSIFY")
    assert known.code_parts == {"cost_center": "B", "project": "C"}
    assert (known.settle_s, known.page_size, known.requests_per_minute) == (10, 1000, 900)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("company", ""),
        ("company", 10),
        ("voucher_type", "MANU"),
        ("page_size", 5000),
        ("base_path", "main/x y"),
        ("code_parts", {"cost_center": "A"}),
        ("code_parts", {"cost_center": "B", "project": "B"}),
        ("projections", {"posting": "Manual/../Voucher"}),
        ("projections", {"postng": "X"}),
        ("per_letter", {"account_set": "{letter}"}),
        ("codepart_style", "one"),
        ("template_path", "/VoucherSet"),
        ("template_path", "VoucherSet/X(Company='{companies}')"),
        ("template_path", "VoucherSet?x=1"),
        ("error_classes", {"X.Y": "nonsense"}),
        ("unknown", 1),
    ],
)
def test_wrong_settings_are_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError):
        settings(**{key: value})


def test_the_style_of_code_parts_is_taken_in_either_spelling() -> None:
    assert settings(code_part_style="per_letter") == settings(codepart_style="per_letter")
    assert settings(codepart_style="per_letter").code_part_style == "per_letter"


def test_the_templates_address_is_filled_in_and_encoded() -> None:
    path = "VoucherSet/Own_Default(Company='{company}',VoucherType='{voucher_type}')"
    known = settings(template_path=path, company="O'H/1", voucher_type="M+")
    assert known.filled_template_path() == "VoucherSet/Own_Default(Company='O%27%27H%2F1',VoucherType='M%2B')"


def test_references() -> None:
    known = settings()
    assert known.reference("R00AbC", "EXP", "report") == "R00AbC"
    assert known.reference("20261120-1", "EXP", "day") == "EXP-20261120-1"
    assert known.reference("R" * 50, "EXP", "report") == "R" * 50
    with pytest.raises(ValueError, match="51 characters"):
        known.reference("R" * 51, "EXP", "report")
    with pytest.raises(ValueError, match="cannot be searched"):
        known.reference("R\n", "EXP", "report")


def test_a_good_journal_has_no_problems() -> None:
    assert codes(journal()) == []


def test_too_few_and_too_many_rows() -> None:
    one = journal("R1", Line(1, "4010", 100))
    many = journal("R1", *(Line(number, "4010", 1) for number in range(1, 1002)))
    most = journal("R1", *(Line(number, "4010", 1) for number in range(1, 1001)))
    assert (codes(one), codes(many), codes(most)) == ([("lines", "1")], [("lines", "1001")], [])


def test_codes_are_never_cut() -> None:
    draft = journal("R1", Line(1, "4" * 21, 100, {"cost_center": " 1"}), Line(2, "", -100))
    assert codes(draft) == [("code_form", "4" * 21), ("code_form", " 1"), ("code_form", "")]


def test_a_dimension_without_a_code_part_is_not_lost_in_silence() -> None:
    draft = journal("R1", Line(1, "4010", 100, {"region": "EU"}), Line(2, "2410", -100))
    assert codes(draft) == [("dimension_without_code_part", "region")]
    assert codes(draft, code_parts={"region": None}) == []
    assert codes(draft, code_parts={"region": "D"}) == []


def test_amounts_that_ifs_cannot_book() -> None:
    yen = journal("R1", Line(1, "4010", 150), Line(2, "2410", -150), currency="JPY")
    whole = journal("R1", Line(1, "4010", 100), Line(2, "2410", -100), currency="JPY")
    large = journal("R1", Line(1, "4010", 10**17), Line(2, "2410", -(10**17) + 1))
    assert codes(yen) == [("amount_fraction", "4010"), ("amount_fraction", "2410")]
    assert codes(whole) == []
    assert codes(large) == [("amount_too_large", "4010")]


def test_a_bill_and_a_strange_currency() -> None:
    assert codes(journal(kind="bill")) == [("kind", "bill")]
    assert codes(journal(currency="usd")) == [("currency", "usd")]
