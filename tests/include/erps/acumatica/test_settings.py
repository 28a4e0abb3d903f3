import pytest
from pydantic import ValidationError

from include.erps.acumatica.settings import AcumaticaSettings
from include.erps.port import Line
from include.erps.registry import settings_class
from tests.include.erps.acumatica.conftest import HO, bill, settings


def test_the_registry_names_the_model() -> None:
    assert settings_class("acumatica") is AcumaticaSettings


def test_defaults() -> None:
    known = AcumaticaSettings.model_validate({"type": "acumatica", "connection": "a", "vendor": "V"})
    assert (known.endpoint, known.version, known.document, known.release) == ("Default", "24.200.001", "bill", False)
    assert (known.settle_s, known.request_timeout_s, known.auth) == (660, 600, "oauth")
    assert known.account_templates == {"subaccount": "{cost_center}"}
    assert (known.marks, known.default_per, known.default_lines) == ("required", "report", "expense")
    assert known.takes_negative_bill


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"vendor": None}, "needs `vendor`"),
        ({"document": "journal", "vendor": "V"}, "only used with document: bill"),
        ({"document": "journal", "tax_category": "EXEMPT"}, "only used with document: bill"),
        ({"project": None, "project_task": "{phase}"}, "needs `project`"),
        ({"subaccount": "{cost_center"}, "is no template"),
        ({"subaccount": "{cost_center:>9}"}, "only names in braces"),
        ({"subaccount": ""}, "null instead"),
        ({"base_path": "ERP/"}, "leading and without a trailing slash"),
        ({"version": "24.200.001/x"}, "as in Default"),
        ({"errors": {"busy": "("}}, "not a regular expression"),
        ({"requests_per_minute": "100"}, "valid integer"),
        ({"unheard_of": 1}, "Extra inputs"),
    ],
)
def test_wrong_combinations_say_what_to_do(changes: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        settings(**changes)


@pytest.mark.parametrize(
    ("key", "prefix", "per", "expected"),
    [
        ("R00AbCdEf123", "EXP", "report", "R00AbCdEf123"),
        ("R00AbCdEf123-C", "EXP", "report", "R00AbCdEf123-C"),
        ("20261120-1", "EXP", "day", "EXP-20261120-1"),
        ("x" * 40, "", "report", "x" * 40),
    ],
)
def test_reference(key: str, prefix: str, per: str, expected: str) -> None:
    assert settings().reference(key, prefix, per) == expected


@pytest.mark.parametrize(
    ("key", "said"), [("x" * 41, "41 characters"), ("R:1", "may hold only"), ("", "may hold only")]
)
def test_a_reference_is_never_cut_or_changed(key: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings().reference(key, "EXP", "report")


@pytest.mark.parametrize(
    ("key", "reference", "summary", "expected"),
    [
        ("R1", "R1", "Expensify R1 October travel", "Expensify R1: October travel"),
        ("R1-C", "R1-C", "Expensify R1 October travel", "Expensify R1-C: R1 October travel"),
        ("20261120-1", "EXP-20261120-1", "Expensify 2026-11-20, 3 reports", "Expensify EXP-20261120-1: 2026-11-20, 3 reports"),
        ("R1", "R1", "Expensify R1", "Expensify R1:"),
        ("R1", "R1", "Expensify R1 a\r\n\tb", "Expensify R1: a b"),
    ],
)  # fmt: skip
def test_the_header_begins_with_the_reference(key: str, reference: str, summary: str, expected: str) -> None:
    assert settings().description(key, reference, summary) == expected


def test_a_long_header_keeps_its_reference() -> None:
    header = settings().description("R1", "R1", "x" * 600)
    assert header == "Expensify R1: " + "x" * 498


@pytest.mark.parametrize(
    ("extra", "changes", "expected"),
    [
        ({"client_id": "7a1f@Contoso"}, {}, "contoso"),
        ({"client_id": "7a1f@Contoso"}, {"base_path": "/ERP"}, "erp/contoso"),
        ({"tenant": " Contoso "}, {"auth": "cookie"}, "contoso"),
    ],
)
def test_the_company_is_the_tenant(extra: dict[str, str], changes: dict[str, str], expected: str) -> None:
    assert settings(**changes).company(extra) == expected


@pytest.mark.parametrize(
    ("extra", "auth"),
    [({}, "oauth"), ({"client_id": "7a1f"}, "oauth"), ({"client_id": "7a1f@"}, "oauth"), ({}, "cookie")],
)
def test_a_connection_without_a_tenant_is_refused(extra: dict[str, str], auth: str) -> None:
    with pytest.raises(ValueError, match="needs `"):
        settings(auth=auth).company(extra)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (Line(1, "62000", 1, {}), "subaccount_missing"),
        (Line(1, "62000000000", 1, HO), "code_invalid"),
        (Line(1, " 62000", 1, HO), "code_invalid"),
        (Line(1, "62000", 1, {"cost_center": "x" * 31}), "code_invalid"),
        (Line(1, "62000", 1, {**HO, "project": "P100"}), "project_task_missing"),
    ],
)
def test_lines_that_cannot_be_sent(line: Line, code: str) -> None:
    assert [problem.code for problem in settings(project_task="{phase}").problems(bill("R1", line))] == [code]


def test_balancing_lines_take_their_own_subaccount() -> None:
    known = settings(balancing_subaccount="000000")
    assert known.problems(bill("R1", Line(1, "20100", 1, {}))) == []
    assert known.line_subaccount({}) == "000000"
    assert settings(subaccount=None, balancing_subaccount="000000").line_subaccount(HO) is None


def test_more_lines_than_a_request_takes() -> None:
    lines = [Line(number, "62000", 1, HO) for number in range(1, 502)]
    assert [problem.code for problem in settings().problems(bill("R1", *lines))] == ["too_many_lines"]
    assert settings().problems(bill("R1", *lines[:500])) == []


def test_an_employees_bill_needs_a_submitter() -> None:
    known = settings(vendor="employee")
    assert [one.code for one in known.problems(bill(submitter_email=None))] == ["employee_missing"]
    assert known.problems(bill(submitter_email=None, submitter_id="EP1")) == []
    assert settings().problems(bill(submitter_email=None)) == []
