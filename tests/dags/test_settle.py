"""The settle DAG's form: what a person is asked, and what is refused before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from expensify_erp.retries import RetryByError

DECISION = {"tenant": "acme", "action": "close", "journals": ["20261102-1"], "reason": "keyed by hand"}


@pytest.fixture
def dag(parse: Callable[[str], DagBag]) -> Any:
    bag = parse("settle.py")
    assert bag.import_errors == {}
    return bag.dags["settle"]


def fill_in(dag: Any, **answers: object) -> None:
    for name, value in answers.items():
        dag.params[name] = value
    dag.params.validate()


def test_it_runs_only_when_a_person_starts_it(dag: Any) -> None:
    assert (dag.catchup, dag.timetable.can_be_scheduled) == (False, False)
    assert dag.is_paused_upon_creation is False, "a decision that was taken is carried out"
    (task,) = dag.tasks
    assert (task.task_id, task.retries, type(task.retry_policy)) == ("settle", 2, RetryByError)
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).get_task("settle").retries == 2


def test_a_complete_decision_is_taken(dag: Any) -> None:
    fill_in(dag, **DECISION)


@pytest.mark.parametrize(
    "wrong",
    [{"reason": ""}, {"tenant": ""}, {"action": "delete"}, {"journals": "20261102-1"}, {"document_number": 412}],
    ids=["no reason", "no tenant", "unknown action", "no list", "a number for text"],
)
def test_an_incomplete_decision_is_refused_by_the_form(dag: Any, wrong: dict[str, object]) -> None:
    with pytest.raises(ParamValidationError):
        fill_in(dag, **(DECISION | wrong))
