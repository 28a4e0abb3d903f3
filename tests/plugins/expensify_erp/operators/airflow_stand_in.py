"""What Airflow gives an operator, without a scheduler: runs with task states, clears and XComs.

It keeps the rules that the operators rely on, as Airflow 3.3 has them: a clear raises the run's ``clear_number`` and the tries
go on counting; a mapped task's states are called ``load_0``, ``load_1``; only the live states count as alive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.execution_time.context import OutletEventAccessors
from expensify_erp.operators.acknowledge import AcknowledgeOperator
from expensify_erp.operators.extract import ExtractOperator
from expensify_erp.operators.load import LoadOperator
from expensify_erp.operators.transform import TransformOperator
from expensify_erp.operators.validate import ValidateOperator

STEPS = ("extract", "transform", "validate")


@dataclass
class Airflow:
    """All runs that this Airflow knows."""

    runs: list[Run] = field(default_factory=list)

    def run(
        self,
        tenant: str = "acme",
        kind: str = "scheduled",
        interval: tuple[datetime, datetime] | None = None,
        /,
        **params: Any,
    ) -> Run:
        """A new run in the state ``running``."""
        run = Run(self, tenant, f"{kind}__{len(self.runs) + 1}", kind, interval, params)
        self.runs.append(run)
        return run


class TaskInstance:
    """What operators ask of ``context["ti"]``."""

    def __init__(self, run: Run, task_id: str, map_index: int) -> None:
        self._run = run
        self.dag_id, self.run_id = run.dag_id, run.run_id
        self.task_id, self.map_index = task_id, map_index
        self.try_number = run.tries.get((task_id, map_index), 0) + 1
        run.tries[task_id, map_index] = self.try_number
        self.max_tries = run.max_tries

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        runs = [run for run in self._run.airflow.runs if run.dag_id == dag_id and run.run_id in run_ids]
        return {run.run_id: dict(run.states) for run in runs}

    def get_dr_count(self, dag_id: str, run_ids: list[str], states: list[str]) -> int:
        runs = self._run.airflow.runs
        return sum(run.dag_id == dag_id and run.run_id in run_ids and run.state in states for run in runs)

    def xcom_push(self, key: str, value: Any) -> None:
        self._run.pushed[self.task_id, key] = value


@dataclass
class Run:
    """One run. The methods execute a task once and keep its state; its error is raised."""

    airflow: Airflow
    tenant: str
    run_id: str
    kind: str
    interval: tuple[datetime, datetime] | None
    params: dict[str, Any]
    state: str = "running"
    clear_number: int = 0
    states: dict[str, str] = field(default_factory=dict)
    tries: dict[tuple[str, int], int] = field(default_factory=dict)
    xcoms: dict[str, Any] = field(default_factory=dict)
    pushed: dict[tuple[str, str], Any] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    assets: set[str] = field(default_factory=set)
    box_names: dict[str, Any] = field(default_factory=dict)
    user: str | None = None
    max_tries: int = 3
    """Tries after the first one, as Airflow counts them."""

    @property
    def dag_id(self) -> str:
        return f"expenses__{self.tenant}"

    def extract(self) -> str:
        return str(self._execute(ExtractOperator(task_id="extract", tenant=self.tenant)))

    def transform(self) -> list[str]:
        operator = TransformOperator(task_id="transform", tenant=self.tenant, archive=self.xcoms["extract"])
        return list(self._execute(operator))

    def validate(self) -> list[list[str]]:
        operator = ValidateOperator(task_id="validate", tenant=self.tenant, archive=self.xcoms["extract"])
        return list(self._execute(operator))

    def load(self, index: int = 0) -> list[dict[str, Any]]:
        keys = self.xcoms["validate"][index]
        return list(self._execute(LoadOperator(task_id="load", tenant=self.tenant, journal_keys=keys), index))

    def acknowledge(self) -> None:
        self._execute(AcknowledgeOperator(task_id="acknowledge", tenant=self.tenant))

    def until_validated(self) -> list[list[str]]:
        """The first three steps; returns the boxes."""
        self.extract()
        self.transform()
        return self.validate()

    def post_all(self) -> None:
        """The whole run, which must be green."""
        for index in range(len(self.until_validated())):
            self.load(index)
        self.acknowledge()
        self.state = "success"

    def clear(self) -> None:
        """A person clears tasks of this run; which ones shows in what the test executes next."""
        self.clear_number += 1
        self.state = "running"

    def context(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """The context of the next try of a task."""
        context: dict[str, Any] = {
            "ti": TaskInstance(self, task_id, map_index),
            "dag_run": SimpleNamespace(
                run_type=self.kind, clear_number=self.clear_number, triggering_user_name=self.user
            ),
            "params": self.params,
            "outlet_events": OutletEventAccessors(),
        }
        if self.interval is not None:
            context["data_interval_start"], context["data_interval_end"] = self.interval
        return context

    def _execute(self, operator: BaseOperator, map_index: int = -1) -> Any:
        name = operator.task_id if map_index < 0 else f"{operator.task_id}_{map_index}"
        context = self.context(operator.task_id, map_index)
        try:
            result = operator.execute(context)  # type: ignore[arg-type]
        except BaseException:
            self.states[name] = "failed"
            raise
        self.states[name] = "success"
        self.xcoms[operator.task_id] = result
        announced = [event for accessor in context["outlet_events"].values() for event in accessor.asset_alias_events]
        self.events[name] = [event.extra for event in announced]
        self.assets |= {event.dest_asset_key.uri for event in announced}
        self.box_names[name] = context.get("journal_name")
        return result
