from collections.abc import Callable

from airflow.dag_processing.dagbag import DagBag


def test_it_is_started_by_hand_and_asks_for_a_tenant(parse: Callable[[str], DagBag]) -> None:
    bag = parse("preflight.py")
    assert bag.import_errors == {}
    dag = bag.dags["preflight"]
    assert dag.timetable.can_be_scheduled is False
    assert dag.params.get_param("tenant").schema["minLength"] == 1
    (task,) = dag.tasks
    assert (task.task_id, task.retries) == ("preflight", 0)
