import pytest

from include.accounting.mapping import card_account, dimension, gl_account
from include.settings.mapping import Dimension
from tests.include.accounting.conftest import tenant_with

RULES = [
    # values, GL code used, default, name, GL code -> account
    ("values first", {"Meals": "6100"}, True, "9", "Meals", "6150", "6100"),
    ("trimmed", {"Meals": "6100"}, True, "9", "  Meals ", "6150", "6100"),
    ("exact case", {"Meals": "6100"}, False, None, "meals", "6150", None),
    ("then the GL code", {}, True, "9", "Fuel", " 6600 ", "6600"),
    ("GL codes not used", {}, False, "9", "Fuel", "6600", "9"),
    ("then the default", {}, True, "9", "Fuel", "", "9"),
    ("then nothing", {}, True, None, "Fuel", None, None),
    ("Uncategorized is a category", {"Uncategorized": "6999"}, True, None, "Uncategorized", None, "6999"),
    ("an empty one has no value", {"": "6999"}, True, None, "  ", "6600", None),
    ("an empty one takes the default", {}, True, "9", None, None, "9"),
    ("zeros stay", {"Meals": "0100"}, True, None, "Meals", None, "0100"),
]


@pytest.mark.parametrize("row", RULES, ids=[row[0] for row in RULES])
def test_the_order_of_the_rules(
    row: tuple[str, dict[str, str], bool, str | None, str | None, str | None, str | None],
) -> None:
    _, values, use_code, default, name, code, expected = row
    section = {"values": values, "expensify_gl_code": use_code, **({"default": default} if default else {})}
    assert gl_account(tenant_with(mapping__gl_account=section), name, code).value == expected


def test_the_rule_is_named_as_in_the_file() -> None:
    tenant = tenant_with()
    assert gl_account(tenant, "Meals", None).rule == "mapping.gl_account.values['Meals']"
    assert gl_account(tenant, "Fuel", "6600").rule == "GL code of 'Fuel' in Expensify"


def test_a_dimension_reads_its_tag_level() -> None:
    section = Dimension(tag=2, values={"Alpha": "A"}, expensify_gl_code=True)
    assert dimension(section, "project", (("Plant 1", "P1"), ("Alpha", None))).value == "A"
    assert dimension(section, "project", (("Plant 1", "P1"), ("Beta", "B"))).value == "B"
    assert dimension(section, "project", (("Plant 1", "P1"),)).value is None
    assert dimension(section, "project", (("Plant 1", "P1"), ("", "B"))).value is None


def test_a_card_matches_its_bank_then_its_name_then_the_default() -> None:
    cards = tenant_with(
        posting__credit__company_card={"by_card": {" Amex Corp ": "2161", "Blue": "2162"}, "default": "2160"}
    ).posting.credit.company_card
    found = [
        card_account(cards, *names)
        for names in [("Amex Corp", "Blue"), ("Chase", " Blue"), ("Chase", None), (None, None)]
    ]
    assert [one.account if one else None for one in found] == ["2161", "2162", "2160", "2160"]
    assert card_account(None, "Amex Corp", None) is None
