"""The reconciliation's DAG of each tenant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from expensify_erp.retries import RetryByError

from tests.dags.conftest import WriteTenant


@pytest.fixture
def dag(parse: Callable[[str], DagBag], write_tenant: WriteTenant) -> Any:
    write_tenant("acme")
    bag = parse("reconcile.py")
    assert bag.import_errors == {}
    assert list(bag.dags) == ["reconcile__acme"]
    return bag.dags["reconcile__acme"]


def test_it_compares_what_it_extracted_and_asks_the_erp_within_its_pool(dag: Any) -> None:
    extract, compare = dag.get_task("extract"), dag.get_task("compare")
    assert extract.downstream_task_ids == {"compare"}
    assert (extract.pool, compare.pool) == ("default_pool", "syspro_a")
    assert (compare.retries, type(compare.retry_policy)) == (3, RetryByError)
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("compare").pool == "syspro_a"


def test_a_missed_comparison_is_not_made_up_for(dag: Any) -> None:
    assert dag.catchup is False


@pytest.mark.parametrize(("month", "is_taken"), [("2026-10", True), ("2026-13", False), ("October", False)])
def test_the_form_takes_a_month(dag: Any, month: str, is_taken: bool) -> None:
    dag.params["month"] = None
    dag.params.validate()
    if is_taken:
        dag.params["month"] = month
        dag.params.validate()
    else:
        with pytest.raises(ParamValidationError):
            dag.params["month"] = month
            dag.params.validate()


def test_a_wrong_tenant_file_takes_no_other_down(parse: Callable[[str], DagBag], write_tenant: WriteTenant) -> None:
    write_tenant("acme")
    write_tenant("broken").write_text("schedule: never")
    bag = parse("reconcile.py")
    assert (bag.import_errors, list(bag.dags)) == ({}, ["reconcile__acme"])
