import pytest
from pydantic import ValidationError

from include.erps.port import Line
from include.erps.registry import settings_class
from include.erps.sage_100.settings import Sage100Settings
from tests.include.erps.sage_100.conftest import journal, settings


def test_the_registry_names_the_model() -> None:
    assert settings_class("sage_100") is Sage100Settings


def test_defaults() -> None:
    known = settings()
    assert (known.api, known.company_setting, known.source_journal) == ("agent", "ABC", "GJ")
    assert known.account_templates == {"account": "{gl_account}-{cost_center}-00"}
    assert (known.settle_s, known.document_kind) == (30, "journal")
    assert (known.needs_pool, known.default_per, known.marks, known.max_lines) == (True, "report", "required", 200)
    assert known.path == "/v1"
    assert settings(api="soap").path == "/ebusinesswebservices/masservice.svc"
    assert known.company({}) == "ABC"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"company": "AB"}, "exactly three"),
        ({"company": "abc"}, "exactly three"),
        ({"company": "ABCD"}, "exactly three"),
        ({"company": 123}, "valid string"),
        ({"account": "{cost_center}"}, "leaves {gl_account} out"),
        ({"account": "{gl_account"}, "is no template"),
        ({"account": "{gl_account:>9}"}, "only names in braces"),
        ({"account_format": "N03"}, "no account format"),
        ({"source_journal": "GJX"}, "pattern"),
        ({"batch_number": "123456"}, "pattern"),
        ({"base_path": "v1/"}, "leading and without a trailing slash"),
        ({"wsdl": "x.wsdl"}, "not used with api: agent"),
        ({"api": "soap", "api_key_header": "X-Key"}, "not used with api: soap"),
        ({"retry_base_s": 61}, "raise it"),
        ({"error_classes": {"X": "whatever"}}, "Input should be"),
        ({"most_lines": 201}, "less than or equal to 200"),
        ({"unheard_of": 1}, "Extra inputs"),
    ],
)
def test_wrong_combinations_say_what_to_do(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        settings(**changes)


def test_account_from_the_template() -> None:
    assert settings().account("600", {"cost_center": "1"}) == "600-1-00"
    assert settings(account_format="-N03N02N02").account("600", {"cost_center": "1"}) == "600-01-00"
    with pytest.raises(ValueError, match="'cost_center'"):
        settings().account("600", {})
    # What does not fit is for the check to name: an error here would stop the reports of others.
    assert settings(account_format="-N03N02N02").account("600", {"cost_center": "P1"}) == "600-P1-00"


@pytest.mark.parametrize(
    ("key", "per", "expected"),
    [("R00AbCdEfGh", "report", "R00AbCdEfGh"), ("R1-C", "report", "R1-C"), ("20261120-1", "day", "EXP-20261120-1")],
)
def test_the_reference_is_the_key_in_its_own_case(key: str, per: str, expected: str) -> None:
    assert settings().reference(key, "EXP", per) == expected


def test_the_reference_is_never_cut_or_changed() -> None:
    assert settings().reference("A" * 30, "EXP", "report") == "A" * 30
    with pytest.raises(ValueError, match="31 characters and Sage 100 takes 30"):
        settings().reference("A" * 31, "EXP", "report")
    with pytest.raises(ValueError, match="31 characters"):
        settings().reference("A" * 27, "EXP", "day")
    for bad in ("R 1", "É1", "R1\n", "R/1", ""):
        with pytest.raises(ValueError, match="only letters"):
            settings().reference(bad, "EXP", "report")


def codes(*problems: object) -> list[str]:
    return [problem.code for problem in problems]  # type: ignore[attr-defined]


def test_a_good_draft_has_no_problems() -> None:
    assert settings().problems(journal()) == []
    assert settings(api="soap").problems(journal()) == []


@pytest.mark.parametrize(
    ("cents", "expected"),
    [(1, []), (99_999_999_999, []), (100_000_000_000, ["amount_too_large"] * 2), (0, ["amount_zero"] * 2)],
)
def test_amounts_have_nine_digits_at_most(cents: int, expected: list[str]) -> None:
    draft = journal("R1", Line(1, "600-01-00", cents), Line(2, "200-00-00", -cents))
    assert codes(*settings().problems(draft)) == expected


def test_accounts_that_sage_cannot_store() -> None:
    draft = journal("R1", Line(1, "600-Ω", 100), Line(2, "6" * 42, -100))
    assert codes(*settings().problems(draft)) == ["code_characters", "account_too_long"]
    draft = journal("R1", Line(1, "600-Š", 100), Line(2, " ", -100))
    assert codes(*settings().problems(draft)) == ["code_characters"] * 2


def many(lines: int, text: str = "Taxi") -> tuple[Line, ...]:
    return tuple(Line(n, "600-01-00", 100 if n % 2 else -100, {}, text) for n in range(1, lines + 1))


@pytest.mark.parametrize(("lines", "expected"), [(1, ["line_count"]), (2, []), (200, []), (202, ["line_count"])])
def test_two_to_two_hundred_lines(lines: int, expected: list[str]) -> None:
    assert codes(*settings().problems(journal("R1", *many(lines)))) == expected


def test_a_document_too_long_for_the_server_is_held() -> None:
    long = journal("R1", *many(200, "é" * 100))
    assert codes(*settings(api="soap").problems(long)) == ["document_too_long"]
    assert settings(api="soap", max_soap_bytes=131072).problems(long) == []
    assert settings(api="soap", sizes={"line_comment": 20}).problems(long) == []
    assert settings().problems(long) == []
    assert codes(*settings(max_agent_bytes=20000).problems(long)) == ["document_too_long"]
