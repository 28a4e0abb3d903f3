"""One DAG per tenant file, as Airflow's own parser sees them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import AssetAlias
from airflow.sdk.definitions.param import process_params
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction
from expensify_erp.retries import RetryByError

Parse = Callable[[str], DagBag]
WriteTenant = Callable[..., Path]


def the_dag(bag: DagBag) -> Any:
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    return dag


@pytest.fixture
def dag(parse: Parse, write_tenant: WriteTenant) -> Any:
    write_tenant("acme")
    return the_dag(parse("expenses.py"))


def test_five_steps_in_order(dag: Any) -> None:
    assert dag.dag_id == "expenses__acme"
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        "extract": ["transform"],
        "transform": ["validate"],
        "validate": ["load"],
        "load": ["acknowledge"],
        "acknowledge": [],
    }


def test_acknowledge_runs_whatever_became_of_the_others_and_nothing_else_does(dag: Any) -> None:
    rules = {task.task_id: task.trigger_rule.value for task in dag.tasks}
    assert rules == {
        "extract": "all_success",
        "transform": "all_success",
        "validate": "all_success",
        "load": "all_success",
        "acknowledge": "all_done",
    }


def test_only_tasks_that_talk_to_the_erp_take_its_pool(dag: Any) -> None:
    assert {task.task_id: task.pool for task in dag.tasks} == {
        "extract": "default_pool",
        "transform": "default_pool",
        "validate": "syspro_a",
        "load": "syspro_a",
        "acknowledge": "default_pool",
    }


def test_only_tasks_that_talk_to_the_erp_take_its_queue(parse: Parse, write_tenant: WriteTenant) -> None:
    write_tenant("acme", erp={"queue": "on_premises"})
    queues = {task.task_id: task.queue for task in the_dag(parse("expenses.py")).tasks}
    assert queues == {
        "extract": "default",
        "transform": "default",
        "validate": "on_premises",
        "load": "on_premises",
        "acknowledge": "default",
    }


def test_every_task_retries_by_the_kind_of_error_and_load_at_least_five_times(dag: Any) -> None:
    assert {task.task_id: task.retries for task in dag.tasks} == {
        "extract": 3,
        "transform": 3,
        "validate": 3,
        "load": 8,
        "acknowledge": 3,
    }
    assert [type(task.retry_policy) for task in dag.tasks] == [RetryByError] * 5


def test_load_is_mapped_over_the_boxes_that_validate_returns(dag: Any) -> None:
    load = dag.get_task("load")
    assert load.is_mapped
    assert load.map_index_template == "{{ journal_name }}"
    boxes = load.expand_input.value["journal_keys"]
    assert (boxes.operator.task_id, boxes.key) == ("validate", "return_value")
    assert load.outlets == [AssetAlias("acme_ledger")]


def test_every_interval_since_the_start_date_gets_its_run(dag: Any) -> None:
    assert dag.catchup is True
    assert dag.start_date == datetime(2026, 10, 30, 5, 0, tzinfo=UTC), "midnight in Chicago, summer time"


def test_intervals_are_whole_and_local_over_the_end_of_summer_time(dag: Any) -> None:
    """06:00 in Chicago is 11:00 UTC until 1 November 2026, 12:00 UTC from then on: that one interval has 25 hours."""
    spans = []
    last = None
    serialized = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    restriction = TimeRestriction(earliest=dag.start_date, latest=None, catchup=True)
    for _ in range(4):
        info = serialized.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        last = info.data_interval
        spans.append((last.start.astimezone(UTC), last.end.astimezone(UTC)))
    assert spans == [
        (datetime(2026, 10, 30, 11, tzinfo=UTC), datetime(2026, 10, 31, 11, tzinfo=UTC)),
        (datetime(2026, 10, 31, 11, tzinfo=UTC), datetime(2026, 11, 1, 12, tzinfo=UTC)),
        (datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 2, 12, tzinfo=UTC)),
        (datetime(2026, 11, 2, 12, tzinfo=UTC), datetime(2026, 11, 3, 12, tzinfo=UTC)),
    ]


def test_the_trigger_form_asks_for_what_a_run_may_be_told(dag: Any) -> None:
    params = {name: dag.params.get_param(name) for name in dag.params}
    shown = {name: (param.value, param.schema["type"]) for name, param in params.items()}
    assert shown == {
        "dry_run": (False, "boolean"),
        "report_ids": (None, ["null", "array"]),
        "journals": (None, ["null", "array"]),
        "from": (None, ["null", "string"]),
        "to": (None, ["null", "string"]),
    }
    assert params["from"].schema["format"] == "date"
    assert params["report_ids"].schema["items"] == {"type": "string"}
    dag.params.validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [("from", "yesterday"), ("report_ids", "R1"), ("report_ids", [1]), ("dry_run", "no")],
    ids=["no date", "no list", "no text", "no boolean"],
)
def test_the_trigger_form_refuses_what_a_run_could_not_use(dag: Any, name: str, value: object) -> None:
    with pytest.raises(ParamValidationError):
        dag.params[name] = value


@pytest.mark.parametrize("task_id", ["extract", "load", "acknowledge"])
def test_every_task_is_told_what_the_form_said(dag: Any, task_id: str) -> None:
    """The tasks carry no copy of the form, whose checks are most of a parse; a run's answers reach them all the same."""
    read = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    task = dag.get_task(task_id)
    answers = {"dry_run": True, "report_ids": ["R1"]}
    assert process_params(dag, task, answers, suppress_exception=False) == {
        "dry_run": True,
        "report_ids": ["R1"],
        "journals": None,
        "from": None,
        "to": None,
    }
    assert not task.params
    assert sorted(read.params) == ["dry_run", "from", "journals", "report_ids", "to"]
    with pytest.raises(ParamValidationError):
        process_params(dag, task, {"report_ids": "R1"}, suppress_exception=False)


def test_the_scheduler_sees_the_same_dag(dag: Any) -> None:
    written = DagSerialization.to_dict(dag)
    read = DagSerialization.from_dict(written)
    assert {task.task_id: sorted(task.downstream_task_ids) for task in read.tasks} == {
        task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks
    }
    load = read.get_task("load")
    assert (load.pool, load.retries, load.map_index_template) == ("syspro_a", 8, "{{ journal_name }}")
    assert read.get_task("acknowledge").trigger_rule == "all_done"
    # What is written must not change from parse to parse, or every parse makes a new version of the DAG.
    assert DagSerialization.to_dict(dag) == written


def test_parsing_the_same_files_twice_gives_the_same_serialised_dag(parse: Parse, write_tenant: WriteTenant) -> None:
    write_tenant("acme")
    first, second = (DagSerialization.to_dict(the_dag(parse("expenses.py"))) for _ in range(2))
    assert first == second


WRONG = {
    "not yaml": "a: [",
    "not a mapping": "- a\n",
    "empty": "",
    "not text": b"\xff\xfe\x00",
    "unknown key": "wrong: 1\n",
    "an impossible day": "start_date: 2026-13-45\n",
    "a value of another shape": "erp: {type: [syspro]}\n",
    "a tag that YAML chokes on": "start_date: !!timestamp soon\n",
    "no zone": "timezone: 7\n",
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_wrong_file_changes_nothing_for_the_others(
    parse: Parse, write_tenant: WriteTenant, tenants: Path, content: str | bytes
) -> None:
    write_tenant("acme")
    write_tenant("zeta", erp={"connection": "syspro_z"})
    wrong = tenants / "mid.yaml"
    wrong.write_bytes(content if isinstance(content, bytes) else content.encode())
    bag = parse("expenses.py")
    assert bag.import_errors == {}
    assert sorted(bag.dags) == ["expenses__acme", "expenses__zeta"]


def test_a_folder_or_an_unreadable_link_named_like_a_tenant_changes_nothing(
    parse: Parse, write_tenant: WriteTenant, tenants: Path
) -> None:
    write_tenant("acme")
    (tenants / "folder.yaml").mkdir()
    (tenants / "gone.yaml").symlink_to(tenants / "nowhere")
    bag = parse("expenses.py")
    assert (bag.import_errors, list(bag.dags)) == ({}, ["expenses__acme"])


@pytest.mark.parametrize("schedule", ["0 0 30 2 *", "R R * * *", "@daily", "61 * * * *"])
def test_a_schedule_that_airflow_could_not_compute_leaves_its_tenant_out(
    parse: Parse, write_tenant: WriteTenant, schedule: str
) -> None:
    write_tenant("acme")
    write_tenant("mid", schedule=schedule)
    bag = parse("expenses.py")
    assert (bag.import_errors, list(bag.dags)) == ({}, ["expenses__acme"])


def test_no_tenants_folder_means_no_dags_and_no_error(
    parse: Parse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXPENSIFY_ERP_TENANTS", str(tmp_path / "missing"))
    bag = parse("expenses.py")
    assert (bag.import_errors, bag.dags) == ({}, {})


class TestInATask:
    """A starting task parses the file again: it must read its own tenant's file and no other."""

    @pytest.fixture
    def read(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        opened: list[str] = []
        real = Path.open

        def open_(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if path.suffix == ".yaml" and "r" in mode:
                opened.append(path.name)
            return real(path, mode, *args, **kwargs)

        monkeypatch.setattr(Path, "open", open_)
        return opened

    @staticmethod
    def started(monkeypatch: pytest.MonkeyPatch, dag_id: str) -> None:
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)

    def test_only_its_own_file_is_read(
        self, parse: Parse, write_tenant: WriteTenant, read: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(5):
            write_tenant(f"t{number}", erp={"connection": f"s{number}"})
        self.started(monkeypatch, "expenses__t3")
        bag = parse("expenses.py")
        assert (bag.import_errors, list(bag.dags)) == ({}, ["expenses__t3"])
        assert read == ["t3.yaml"]

    @pytest.mark.parametrize("dag_id", ["settle", "expenses__gone", "expenses__../t0", "expenses__"])
    def test_another_dag_reads_nothing_and_an_unknown_tenant_gives_none(
        self,
        parse: Parse,
        write_tenant: WriteTenant,
        read: list[str],
        monkeypatch: pytest.MonkeyPatch,
        dag_id: str,
    ) -> None:
        write_tenant("t0")
        self.started(monkeypatch, dag_id)
        bag = parse("expenses.py")
        assert (bag.import_errors, bag.dags) == ({}, {})
        assert "t0.yaml" not in read


def test_retry_delay_without_a_policy_is_still_short(dag: Any) -> None:
    """After a kill the policy is not asked: the task's own delay counts."""
    assert {task.retry_delay for task in dag.tasks} == {timedelta(seconds=15)}
