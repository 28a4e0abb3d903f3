"""Folders of any number of tenants, and the same DAGs written by other means."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent

TENANT = """\
schedule: "0 6 * * *"
timezone: America/Chicago
start_date: 2026-10-30
expensify: {{connection: expensify_{n}, policies: ["A{n}"]}}
erp: {{type: syspro, connection: syspro_{n}, pool: syspro_{n}}}
posting:
  currency: USD
  reference_prefix: E{n}
  credit: {{reimbursable: "2150-00", company_card: "2160-00"}}
mapping:
  gl_account: {{values: {{"Meals": "6100", "Airfare": "6200", "Hotel": "6300"}}, expensify_gl_code: true}}
  dimensions: {{cost_center: {{tag: 1, required: true, values: {{"Plant 1": "P1", "Plant 2": "P2"}}}}}}
"""

STATIC_HEAD = """\
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, AssetAlias, CronDataIntervalTimetable, Param
from airflow.sdk.definitions.param import ParamsDict
from expensify_erp.operators.acknowledge import AcknowledgeOperator
from expensify_erp.operators.extract import ExtractOperator
from expensify_erp.operators.load import LoadOperator
from expensify_erp.operators.transform import TransformOperator
from expensify_erp.operators.validate import ValidateOperator
from expensify_erp.retries import RetryByError

PARAMS = {
    "dry_run": Param(False, type="boolean", title="Dry run", description="Show what would be posted."),
    "report_ids": Param(None, type=["null", "array"], items={"type": "string"}, title="Reports", description="Only these."),
    "journals": Param(None, type=["null", "array"], items={"type": "string"}, title="Journals", description="Only these."),
    "from": Param(None, type=["null", "string"], format="date", title="From", description="First approval day."),
    "to": Param(None, type=["null", "string"], format="date", title="To", description="Last approval day."),
}
"""

STATIC_DAG = """
with DAG(
    dag_id="expenses__tenant_{n}",
    schedule=CronDataIntervalTimetable("0 6 * * *", timezone="America/Chicago"),
    start_date=datetime(2026, 10, 30, tzinfo=ZoneInfo("America/Chicago")),
    catchup=True,
    max_active_runs=3,
    default_args={{"retries": 3, "retry_delay": timedelta(seconds=15), "retry_policy": RetryByError()}},
    tags=["expenses", "syspro", "tenant_{n}"],
    doc_md=__doc__,
) as dag_{n}:
    extract = ExtractOperator(task_id="extract", tenant="tenant_{n}")
    archive = "{{{{ ti.xcom_pull(task_ids='extract') }}}}"
    transform = TransformOperator(task_id="transform", tenant="tenant_{n}", archive=archive)
    validate = ValidateOperator(task_id="validate", tenant="tenant_{n}", archive=archive, pool="syspro_{n}")
    load = LoadOperator.partial(
        task_id="load",
        tenant="tenant_{n}",
        retries=8,
        map_index_template="{{{{ journal_name }}}}",
        outlets=[AssetAlias("tenant_{n}_ledger")],
        pool="syspro_{n}",
    ).expand(journal_keys=validate.output)
    acknowledge = AcknowledgeOperator(task_id="acknowledge", tenant="tenant_{n}", trigger_rule="all_done")
    extract >> transform >> validate >> load >> acknowledge
dag_{n}.params = ParamsDict(PARAMS)
"""

FACTORY_FILE = """\
from pathlib import Path

from airflow.sdk import DAG  # a file that names both words is looked at by Airflow
from dagfactory import load_yaml_dags

load_yaml_dags(globals_dict=globals(), dags_folder=str(Path(__file__).parent))
"""

FACTORY_TENANT = """\
expenses__tenant_{n}:
  schedule: {{__type__: airflow.sdk.CronDataIntervalTimetable, __args__: ["0 6 * * *"], timezone: America/Chicago}}
  start_date: 2026-10-30
  timezone: America/Chicago
  catchup: true
  max_active_runs: 3
  default_args:
    retries: 3
    retry_delay: {{__type__: datetime.timedelta, seconds: 15}}
    retry_policy: {{__type__: expensify_erp.retries.RetryByError}}
  tags: [expenses, syspro, tenant_{n}]
  params:
    dry_run: {{__type__: airflow.sdk.Param, __args__: [false], type: boolean,
      title: Dry run, description: Show what would be posted.}}
    report_ids: {{__type__: airflow.sdk.Param, __args__: [null], type: ["null", array], items: {{type: string}},
      title: Reports, description: Only these.}}
    journals: {{__type__: airflow.sdk.Param, __args__: [null], type: ["null", array], items: {{type: string}},
      title: Journals, description: Only these.}}
    from: {{__type__: airflow.sdk.Param, __args__: [null], type: ["null", string], format: date,
      title: From, description: First approval day.}}
    to: {{__type__: airflow.sdk.Param, __args__: [null], type: ["null", string], format: date,
      title: To, description: Last approval day.}}
  tasks:
    - task_id: extract
      operator: expensify_erp.operators.extract.ExtractOperator
      tenant: tenant_{n}
    - task_id: transform
      operator: expensify_erp.operators.transform.TransformOperator
      tenant: tenant_{n}
      archive: "{{{{ ti.xcom_pull(task_ids='extract') }}}}"
      dependencies: [extract]
    - task_id: validate
      operator: expensify_erp.operators.validate.ValidateOperator
      tenant: tenant_{n}
      archive: "{{{{ ti.xcom_pull(task_ids='extract') }}}}"
      pool: syspro_{n}
      dependencies: [transform]
    - task_id: load
      operator: expensify_erp.operators.load.LoadOperator
      partial:
        tenant: tenant_{n}
        retries: 8
        map_index_template: "{{{{ journal_name }}}}"
        outlets: [{{__type__: airflow.sdk.AssetAlias, name: tenant_{n}_ledger}}]
        pool: syspro_{n}
      expand: {{journal_keys: validate.output}}
      dependencies: [validate]
    - task_id: acknowledge
      operator: expensify_erp.operators.acknowledge.AcknowledgeOperator
      tenant: tenant_{n}
      trigger_rule: all_done
      dependencies: [load]
"""


def write_tenants(folder: Path, count: int) -> Path:
    """``count`` tenant files."""
    _empty(folder)
    for number in range(count):
        (folder / f"tenant_{number}.yaml").write_text(TENANT.format(n=number))
    return folder


def write_static(folder: Path, count: int) -> Path:
    """The same DAGs written out by hand, all in one file: nothing is read, nothing is decided."""
    _empty(folder)
    dags = "".join(STATIC_DAG.format(n=number) for number in range(count))
    (folder / "static_dags.py").write_text(STATIC_HEAD + dags)
    return folder


def write_factory(folder: Path, count: int) -> Path:
    """The same DAGs for dag-factory, a YAML file for each tenant."""
    _empty(folder)
    (folder / "factory.py").write_text(FACTORY_FILE)
    for number in range(count):
        (folder / f"tenant_{number}.yaml").write_text(FACTORY_TENANT.format(n=number))
    return folder


def write_empty_factory(folder: Path, count: int) -> Path:
    """``count`` DAGs of five empty tasks in a row for dag-factory, all in one YAML file: much less than a tenant's DAG."""
    _empty(folder)
    names = ["extract", "transform", "validate", "load", "acknowledge"]
    tasks = [
        {
            "task_id": name,
            "operator": "airflow.providers.standard.operators.empty.EmptyOperator",
            "dependencies": names[at - 1 : at] if at else [],
        }
        for at, name in enumerate(names)
    ]
    dag = {
        "default_args": {"retries": 3, "start_date": "2026-10-30"},
        "schedule": "0 6 * * *",
        "catchup": True,
        "tasks": tasks,
    }
    (folder / "factory.py").write_text(FACTORY_FILE)
    (folder / "factory.yaml").write_text(yaml.safe_dump({f"factory_{number}": dag for number in range(count)}))
    return folder


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
