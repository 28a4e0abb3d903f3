"""The flow back: a dry run first, then the change, then nothing left to do, and clears that harm nobody."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from include.sandbox.dynamics_gp import Employee
from include.sandbox.expensify import Policy
from tests.e2e.erps.acumatica import AcumaticaCompany
from tests.e2e.erps.dynamics_gp import DynamicsGpCompany
from tests.e2e.suite import Play, Scene, scenario_of
from tests.e2e.tenants import PATIENCE_S, Tenant


class FlowBack:
    """One tenant's DAG ``reference_data__<tenant>``."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.dag_id = f"reference_data__{tenant.name}"
        self.runs = 0
        tenant.airflow.api.wait_for_dag(self.dag_id, timeout_s=PATIENCE_S)
        tenant.airflow.api.unpause(self.dag_id)

    @property
    def policy(self) -> Policy:
        return self.tenant.suite.sandbox.expensify.policies[self.tenant.policy]

    def run(self, **conf: Any) -> str:
        self.runs += 1
        run = self.tenant.airflow.api.trigger(self.dag_id, conf, run_id=f"flow-back-{self.runs}")
        return self.green(run)

    def green(self, run: str) -> str:
        state = self.tenant.suite.watch.wait(self.dag_id, run, PATIENCE_S)
        assert state == "success", f"{run} is {state}: {self.log(run)}"
        return run

    def clear(self, run: str) -> None:
        self.tenant.airflow.api.clear_run(self.dag_id, run)
        self.tenant.suite.watch.forget(self.dag_id, run)
        self.green(run)

    def log(self, run: str) -> str:
        return self.tenant.airflow.api.task_log(self.dag_id, run, "synchronise")

    def counts(self, run: str) -> Mapping[str, int]:
        found: Mapping[str, int] = self.tenant.airflow.api.xcom(self.dag_id, run, "synchronise")
        return found

    def rows(self, run: str) -> set[tuple[str, str, str, int]]:
        rows = self.tenant.rows("reference_change", "run_id = ?", [run])
        return {(row["kind"], row["action"], row["subject"], row["applied"]) for row in rows}

    def reasons(self, run: str) -> dict[str, str]:
        rows = self.tenant.rows("reference_change", "run_id = ? AND action = 'skip'", [run])
        return {row["subject"]: row["reason"] for row in rows}

    def updates(self) -> int:
        """Update requests about this tenant's policy."""
        jobs = list(self.tenant.suite.sandbox.expensify.jobs)
        return sum(
            job.type == "update" and self.tenant.policy in f"{json.dumps(dict(job.description))}{job.data}"
            for job in jobs
        )


@scenario_of("acumatica")
def employees_and_gl_codes_flow_back(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.settings["reference_data"] = {"policies": [tenant.policy], "employees": True, "gl_codes": True}
    company = tenant.company
    assert isinstance(company, AcumaticaCompany)
    with scene.sandbox.lock:
        books = company.books
        books.add_employee("EP1", "Bo Ss", "boss@company.example", manager="EP0")
        books.add_employee("EP0", "Olga Owner", "owner@company.example")
        books.add_employee("EP2", "Ann Lee", "Ann.Lee@company.example", manager="EP1")
        books.add_employee("EP3", "Nora Nomail", None, manager="EP1")
        books.add_employee("EP4", "Twin One", "twin@company.example", manager="EP1")
        books.add_employee("EP5", "Twin Two", "twin@company.example", manager="EP1")
        books.add_employee("EP6", "Lee Left", "left@company.example", "Inactive", "EP1")
        books.add_employee("EP7", "Max Orphan", "orphan@company.example", manager="EP6")
        policy = scene.sandbox.expensify.policies[tenant.policy]
        policy.categories = [
            {"name": "Meals", "enabled": True, "glCode": "6000", "maxExpenseAmount": 2500},
            {"name": "Airfare", "enabled": True, "glCode": "6200"},
            {"name": "Client Gifts", "enabled": True},
            {"name": "Fuel", "enabled": True, "glCode": "9999"},
        ]
        policy.employees = [
            {
                "email": "owner@company.example",
                "employeeID": "EP0",
                "submitsTo": "owner@company.example",
                "role": "admin",
            },
            {"email": "boss@company.example", "employeeID": "EP1", "submitsTo": "old@company.example", "role": "user"},
            {"email": "left@company.example", "employeeID": "EP6", "submitsTo": "boss@company.example", "role": "user"},
        ]
    before = copy.deepcopy(policy)
    yield
    flow = FlowBack(tenant)
    dry = flow.run(dry_run=True)
    standing = {
        ("employee", "skip", "EP3", 0),
        ("employee", "skip", "twin@company.example", 0),
        ("employee", "skip", "orphan@company.example", 0),
        ("employee", "keep", "left@company.example", 0),
        ("category", "skip", "Client Gifts", 0),
        ("category", "skip", "Fuel", 0),
    }
    to_do = {
        ("employee", "add", "ann.lee@company.example"),
        ("employee", "change", "boss@company.example"),
        ("category", "change", "Meals"),
    }
    assert flow.rows(dry) == standing | {(*row, 0) for row in to_do}
    assert flow.reasons(dry) == {
        "EP3": "Nora Nomail has no e-mail in the ERP: enter it there",
        "twin@company.example": "2 employees of the ERP have this e-mail (EP4, EP5): correct all but one there",
        "orphan@company.example": "Max Orphan's manager EP6 (Lee Left) is inactive in the ERP: correct it there",
        "Client Gifts": "no account in the tenant file and no GL code in Expensify",
        "Fuel": "its account 9999 does not exist in the ledger, or is inactive",
    }
    assert (flow.updates(), flow.policy) == (0, before), "nothing was sent"
    log = flow.log(dry)
    assert "3 would be sent (dry run: nothing is)" in log
    assert "add employee ann.lee@company.example" in log
    counts = flow.counts(dry)
    assert counts == {"category change": 1, "category skip": 2, "employee add": 1, "employee change": 1} | {
        "employee keep": 1,
        "employee skip": 3,
    }, "no names in XCom"

    real = flow.run()
    assert flow.rows(real) == standing | {(*row, 1) for row in to_do}
    assert flow.updates() == 2
    people = {row["email"]: (row["employeeID"], row["submitsTo"]) for row in flow.policy.employees}
    assert people == {
        "owner@company.example": ("EP0", "owner@company.example"),
        "boss@company.example": ("EP1", "owner@company.example"),
        "left@company.example": ("EP6", "boss@company.example"),
        "ann.lee@company.example": ("EP2", "boss@company.example"),
    }
    codes = {row["name"]: row.get("glCode") for row in flow.policy.categories}
    assert codes == {"Meals": "6100", "Airfare": "6200", "Client Gifts": None, "Fuel": "9999"}
    assert flow.policy.categories[0]["maxExpenseAmount"] == 2500
    after = copy.deepcopy(flow.policy)

    again = flow.run(full=True)
    assert flow.rows(again) == standing
    flow.clear(real)
    flow.clear(dry)
    assert (flow.updates(), flow.policy) == (2, after), "nothing more to do, whatever is cleared"

    with scene.sandbox.lock:
        books.get("Employee", EmployeeID="EP5").fields["Status"] = "Inactive"
    flow.run()
    people = {row["email"]: (row["employeeID"], row["submitsTo"]) for row in flow.policy.employees}
    assert people["twin@company.example"] == ("EP4", "boss@company.example"), "who was stuck follows"


@scenario_of("dynamics_gp", is_long=True)
def cost_centers_and_employees_flow_both_ways(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.settings["erp"]["api"] = "sba"
    tenant.settings["reference_data"] = {
        "policies": [tenant.policy],
        "employees": True,
        "cost_centers": True,
        "default_manager": "desk@company.example",
        "into_erp": True,
    }
    company = tenant.company
    assert isinstance(company, DynamicsGpCompany)
    with scene.sandbox.lock:
        books = company.books
        books.add_cost_center("P3", "Plant 3")
        books.add_employee(Employee("ANN0001", "Ann", "Lee", "ann@company.example", "OPS", "P1"))
        books.add_employee(Employee("BEA0001", "Bea", "Fu", "", "OPS", "P2"))
        policy = scene.sandbox.expensify.policies[tenant.policy]
        policy.tags = [
            {
                "name": "Cost center",
                "tags": [
                    {"name": "Plant 1", "enabled": True, "glCode": ""},  # P1 by the tenant file
                    {"name": "Pier", "enabled": True, "glCode": "P7"},
                    {"name": "Hand made", "enabled": True, "glCode": ""},
                ],
            },
            {"name": "Project", "tags": [{"name": "Harbor", "enabled": True, "glCode": "H1"}]},
        ]
        policy.employees = [
            {
                "email": "bea@company.example",
                "employeeID": "BEA0001",
                "submitsTo": "desk@company.example",
                "role": "user",
            },
            {
                "email": "joe@company.example",
                "employeeID": "JOE0001",
                "submitsTo": "desk@company.example",
                "role": "user",
            }
            | {"firstName": "Joe", "lastName": "Kim"},
        ]
    before, centers = copy.deepcopy(policy), dict(books.cost_centers)
    yield
    flow = FlowBack(tenant)
    dry = flow.run(dry_run=True)
    to_do = {
        ("employee", "add", "ann@company.example"),
        ("erp_employee", "change", "BEA0001"),
        ("erp_employee", "add", "JOE0001"),
        ("erp_cost_center", "add", "P7"),
        ("tag", "change", "Plant 1"),
        ("tag", "add", "P2"),
        ("tag", "add", "Plant 3"),
    }
    standing = {("erp_cost_center", "skip", "Hand made", 0), ("tag", "keep", "Hand made", 0)}
    assert flow.rows(dry) == standing | {(*row, 0) for row in to_do}
    assert (flow.updates(), flow.policy, books.cost_centers) == (0, before, centers), "nothing was sent"

    real = flow.run()
    assert flow.rows(real) == standing | {(*row, 1) for row in to_do}
    levels = flow.policy.tags
    assert [(tag["name"], tag["glCode"]) for tag in levels[0]["tags"]] == [
        ("Hand made", ""),
        ("P2", "P2"),
        ("Pier", "P7"),
        ("Plant 1", "P1"),
        ("Plant 3", "P3"),
    ]
    assert levels[1] == before.tags[1], "other levels are sent along and stay"
    people = {row["email"]: (row["employeeID"], row["submitsTo"]) for row in flow.policy.employees}
    assert people["ann@company.example"] == ("ANN0001", "desk@company.example")
    assert books.cost_centers["P7"].description == "Pier"
    bea, joe = books.employees["BEA0001"], books.employees["JOE0001"]
    assert (bea.email, bea.department, bea.cost_center) == ("bea@company.example", "OPS", "P2")
    assert (joe.first_name, joe.last_name, joe.email) == ("Joe", "Kim", "joe@company.example")
    after = copy.deepcopy(flow.policy)

    again = flow.run(full=True)
    assert flow.rows(again) == standing
    flow.clear(real)
    assert (flow.updates(), flow.policy, len(books.employees)) == (2, after, 3), "nothing more to do"
