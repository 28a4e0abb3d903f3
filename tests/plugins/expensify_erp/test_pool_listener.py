"""A run whose pool does not exist says so, against a real Airflow metadata database."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from scripts.local_airflow import PROJECT, LocalAirflow

# Makes runs as the scheduler does, and sets them running, which is what calls the listeners.
PROBE = """
import json, logging, sys
from datetime import UTC, datetime
sys.path[:0] = ["$PROJECT", "$PROJECT/plugins"]

records = []
class Keep(logging.Handler):
    def emit(self, record):
        records.append((record.levelname, record.getMessage()))
log = logging.getLogger("expensify_erp.pool_listener")
log.addHandler(Keep())

from airflow.listeners.listener import get_listener_manager
from airflow.models.dagbundle import DagBundleModel
from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.pool import Pool
from airflow.models.serialized_dag import SerializedDagModel
from airflow.sdk import DAG
from airflow.sdk.bases.operator import BaseOperator
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from expensify_erp import pool_listener

get_listener_manager().add_listener(pool_listener)

class Nothing(BaseOperator):
    def execute(self, context):
        return None

def run(dag_id, pools):
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        for number, pool in enumerate(pools):
            Nothing(task_id=f"t{number}", pool=pool)
    with create_session() as session:
        if session.get(DagBundleModel, "b") is None:
            session.add(DagBundleModel(name="b"))
            session.flush()
        session.add(DagModel(dag_id=dag_id, bundle_name="b", is_paused=False, relative_fileloc="x.py"))
        session.flush()
        SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name="b", session=session)
        session.commit()
        known = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        made = known.create_dagrun(
            run_id="r1", run_type=DagRunType.MANUAL, state=DagRunState.QUEUED, run_after=datetime.now(UTC),
            triggered_by=DagRunTriggeredByType.TEST, session=session,
        )
        session.commit()
    before = len(records)
    with create_session() as session:
        from airflow.models.dagrun import DagRun
        again = session.get(DagRun, made.id)
        again.dag = known
        again.set_state(DagRunState.RUNNING)
        again.notify_dagrun_state_changed(msg="started")
        session.commit()
    with create_session() as session:
        kept = session.get(DagRun, made.id)
        return {"note": kept.note, "log": records[before:], "conf": kept.conf}

with create_session() as session:
    Pool.create_or_update_pool("erp_there", slots=1, description="", include_deferred=False, session=session)
answers = {
    "missing": run("expenses__missing", ["default_pool", "erp_gone", "erp_there", "erp_gone", "also_gone"]),
    "reconcile": run("reconcile__missing", ["erp_gone", "also_gone"]),
    "reference_data": run("reference_data__missing", ["erp_gone", "also_gone"]),
    "there": run("expenses__there", ["default_pool", "erp_there"]),
    "foreign": run("somebody_elses", ["erp_gone"]),
    "preflight": run("preflight", ["default_pool"]),
}
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    airflow = LocalAirflow(home, PROJECT / "dags")
    airflow.prepare()
    # A file, because Airflow keeps the source of every DAG.
    probe = home / "probe.py"
    probe.write_text(PROBE.replace("$PROJECT", str(PROJECT)))
    done = subprocess.run(
        [sys.executable, str(probe)],
        cwd=home,
        env=airflow.env(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


TEXT = (
    "Pool also_gone, erp_gone does not exist: the tasks that talk to the ERP stay in `scheduled` until it is made "
    "under Admin > Pools (1 slot where the ERP takes one writer)."
)


@pytest.mark.parametrize("run", ["missing", "reconcile", "reference_data"])
def test_missing_pools_stand_on_the_run_each_once(answers: dict[str, Any], run: str) -> None:
    assert answers[run]["note"] == TEXT


def test_and_in_the_schedulers_log_as_an_error(answers: dict[str, Any]) -> None:
    assert answers["missing"]["log"] == [["ERROR", f"expenses__missing, run r1: {TEXT}"]]


@pytest.mark.parametrize("run", ["there", "foreign"])
def test_existing_pools_and_other_peoples_dags_are_left_alone(answers: dict[str, Any], run: str) -> None:
    assert (answers[run]["note"], answers[run]["log"]) == (None, [])
    assert "pools" not in (answers[run]["conf"] or {})


def test_a_preflight_is_told_of_all_pools(answers: dict[str, Any]) -> None:
    assert answers["preflight"]["conf"]["pools"] == {"default_pool": 128, "erp_there": 1}
