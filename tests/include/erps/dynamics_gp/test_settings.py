from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.erps.dynamics_gp.api import amount, cents
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.port import Line
from include.erps.registry import settings_class
from tests.include.erps.dynamics_gp.conftest import journal, settings

SOAP: dict[str, Any] = {"type": "dynamics_gp", "connection": "gp", "company": "C", "fiscal_calendar": "f.csv"}


def test_the_registry_knows_it() -> None:
    assert settings_class("dynamics_gp") is DynamicsGpSettings


def test_defaults() -> None:
    known = DynamicsGpSettings.model_validate(SOAP)
    assert (known.api, known.settle_s, known.batch, known.account_template) == (
        "soap", 180, "EXP{yyyymm}", "{cost_center}-{gl_account}-00",
    )  # fmt: skip
    assert (known.document_kind, known.company_setting, known.company({})) == ("journal", "C", "C")
    assert known.account("6100", {"cost_center": "100"}) == "100-6100-00"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fiscal_calendar": None}, "set `fiscal_calendar` to a CSV"),
        ({"company": None}, "set `company`"),
        ({"api": "sba", "company": None, "company_id": 3}, "api: sba needs `company`"),
        ({"batch": "EXPENSIFY{yyyymmdd}"}, "1 to 15 characters"),
        ({"batch": "EXP{week}"}, "{week} is unknown"),
        ({"batch": "EXP{yyyymm:>9}"}, "only names in braces"),
        ({"account": "{cost_center}-00"}, "leaves {gl_account} out"),
        ({"account": "{gl_account"}, "is no template"),
        ({"base_path": "GPService"}, "leading and without a trailing slash"),
        ({"batch_busy_pattern": "("}, "not a regular expression"),
        ({"unknown": 1}, "Extra inputs"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_what_is_wrong_is_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DynamicsGpSettings.model_validate({**SOAP, **changes})


def test_an_id_is_enough_for_soap() -> None:
    assert DynamicsGpSettings.model_validate({**SOAP, "company": None, "company_id": -1}).company_setting == "-1"


@pytest.mark.parametrize(
    ("key", "prefix", "per", "expected"),
    [
        ("R00bCluvcO4T", "EXP", "report", "EXP R00bCluvcO4T"),
        ("R00bCluvcO4T-C", "EXP", "report", "EXP R00bCluvcO4T-C"),
        ("20261120-1", "EXP", "day", "EXP-20261120-1"),
        ("R1", "", "report", "R1"),
        ("R" * 26, "EXP", "report", "EXP " + "R" * 26),
    ],
    ids=["report", "card", "day", "bare", "thirty"],
)
def test_references(key: str, prefix: str, per: str, expected: str) -> None:
    assert settings(api="sba").reference(key, prefix, per) == expected


@pytest.mark.parametrize(("key", "prefix"), [("R" * 27, "EXP"), ("R1", "É"), ("R1", " EXP"), ("R1", "A  B")])
def test_a_reference_is_never_cut_or_changed(key: str, prefix: str) -> None:
    with pytest.raises(ValueError, match="reference_prefix"):
        settings(api="sba").reference(key, prefix, "report")


def test_an_account_without_its_dimension() -> None:
    with pytest.raises(ValueError, match="needs the dimension 'cost_center'"):
        settings(api="sba").account("6100", {})


def test_what_gp_would_refuse_or_cut() -> None:
    known = settings(api="sba")
    assert known.problems(journal()) == []
    bad = journal("EXP R1", Line(1, "A" * 76, 10**16), Line(2, " 1", -(10**16)))
    assert [one.code for one in known.problems(bad)] == [
        "account_too_long", "amount_too_large", "code_characters", "amount_too_large",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("position", "account", "expected"), [(1, "100-6100-00", "100"), (2, "6100-100", "100"), (3, "6100-100", None)]
)
def test_the_cost_centres_segment(position: int, account: str, expected: str | None) -> None:
    assert settings(api="sba", cost_center_segment=position).segment(account) == expected


@given(st.integers(min_value=-(10**16) + 1, max_value=10**16 - 1))
def test_amounts_survive_the_wire(value: int) -> None:
    written = str(amount(value))
    assert "E" not in written
    assert len(written.partition(".")[2]) == 2
    assert cents(written) == value
    assert cents(f"{written}000") == value
