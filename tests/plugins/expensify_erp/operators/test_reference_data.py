"""The flow back into Expensify, over its sandbox; the ERP side is a list of what it would say."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from expensify_erp.operators.reference_data import ReferenceDataOperator

from include.errors import Misconfigured, Rejected, Retryable
from include.expensify.client import ExpensifyClient
from include.reference_data import difference
from include.reference_data.source import CostCenter, Employee
from include.sandbox.expensify import Policy
from tests.plugins.expensify_erp.operators.conftest import TENANT, World


class TellingErp:
    """An ERP session that can tell all three."""

    def __init__(self) -> None:
        self.people = [
            Employee("1", "boss@acme.example", "Bo", "Ss", None, True),
            Employee("2", "ann@acme.example", "Ann", "Lee", "1", True),
            Employee("3", None, "No", "Mail", "1", True),
        ]
        self.changed: list[Employee] | None = None
        self.asked: list[datetime | None] = []

    def changed_employees(self, since: datetime | None) -> list[Employee]:
        self.asked.append(since)
        return self.people if since is None or self.changed is None else self.changed

    def active_gl_accounts(self) -> set[str]:
        return {"6100"}

    def known_cost_centers(self) -> list[CostCenter]:
        return [CostCenter("P1", "Plant 1", True)]

    def __enter__(self) -> TellingErp:
        return self

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture
def erp(world: World, monkeypatch: pytest.MonkeyPatch) -> TellingErp:
    told = TellingErp()
    monkeypatch.setattr(ReferenceDataOperator, "open_erp", lambda self, tenant, ledger: told)
    section = 'reference_data: {policies: ["A1"], employees: true, gl_codes: true, cost_centers: true}\n'
    (world.tenants / "acme.yaml").write_text(TENANT + section)
    world.sandbox.expensify.policies["A1"] = Policy(
        "A1",
        "Acme",
        categories=[{"name": "Meals", "enabled": True, "glCode": "6000"}, {"name": "Gifts", "enabled": True}],
        tags=[{"name": "Plant", "tags": [{"name": "Hand made", "enabled": True, "glCode": ""}]}],
        employees=[
            {"email": "boss@acme.example", "employeeID": "1", "submitsTo": "boss@acme.example", "role": "admin"}
        ],
    )
    return told


def synchronise(world: World, **params: Any) -> dict[str, int]:
    run = world.airflow.run("acme", "manual", None, **params)
    return ReferenceDataOperator(task_id="synchronise", tenant="acme").execute(run.context("synchronise"))  # type: ignore[arg-type]


def stored(world: World, columns: str = "kind, action, subject, applied") -> list[tuple[Any, ...]]:
    """The rows of the newest run."""
    newest = "run_id = (SELECT run_id FROM reference_change ORDER BY id DESC LIMIT 1)"
    return world.rows(f"SELECT {columns} FROM reference_change WHERE {newest} ORDER BY id")


def jobs(world: World, since: int = 0) -> list[str]:
    return [job.operation for job in world.sandbox.expensify.jobs[since:]]


DIFFERENCE = [
    ("employee", "skip", "3"),
    ("employee", "add", "ann@acme.example"),
    ("category", "skip", "Gifts"),
    ("category", "change", "Meals"),
    ("tag", "keep", "Hand made"),
    ("tag", "add", "Plant 1"),
]


def test_a_dry_run_stores_the_difference_and_sends_nothing(world: World, erp: TellingErp) -> None:
    counts = synchronise(world, dry_run=True)
    assert stored(world) == [(*row, 0) for row in DIFFERENCE]
    assert jobs(world) == ["get:policy"]
    assert counts == {
        "category change": 1,
        "category skip": 1,
        "employee add": 1,
        "employee skip": 1,
        "tag add": 1,
        "tag keep": 1,
    }
    assert world.rows("SELECT * FROM reference_read") == [], "the next run still compares everybody"


def test_the_log_shows_the_difference_with_reasons(
    world: World, erp: TellingErp, capsys: pytest.CaptureFixture[str]
) -> None:
    synchronise(world, dry_run=True)
    shown = capsys.readouterr().out
    assert "2 cannot be sent; correct what each line says; 3 would be sent (dry run: nothing is)" in shown
    assert "skip employee 3 (policy A1): No Mail has no e-mail in the ERP: enter it there" in shown


def test_the_difference_is_sent_and_then_there_is_none(world: World, erp: TellingErp) -> None:
    synchronise(world)
    assert stored(world) == [(*row, int(row[1] in ("add", "change"))) for row in DIFFERENCE]
    policy = world.sandbox.expensify.policies["A1"]
    assert {row["name"]: row.get("glCode") for row in policy.categories}["Meals"] == "6100"
    assert [tag["name"] for tag in policy.tags[0]["tags"]] == ["Hand made", "Plant 1"]
    assert "ann@acme.example" in {row["email"] for row in policy.employees}
    sent = len(world.sandbox.expensify.jobs)
    synchronise(world, full=True)
    assert {row[1] for row in stored(world)} == {"skip", "keep"}
    assert jobs(world, sent) == ["get:policy"]


def test_the_next_reading_is_incremental_with_an_overlap(world: World, erp: TellingErp) -> None:
    synchronise(world)
    erp.asked.clear()
    erp.changed = []
    synchronise(world)
    assert erp.asked[0] is not None
    assert world.rows("SELECT count(*) FROM reference_read") == [(1,)]


def test_who_was_stuck_is_compared_again_though_only_another_changed(world: World, erp: TellingErp) -> None:
    erp.people.append(Employee("4", "ann@acme.example", "Ann", "Twin", "1", True))
    synchronise(world)
    assert ("employee", "skip", "ann@acme.example", 0) in stored(world)
    erp.people[-1] = Employee("4", "twin@acme.example", "Ann", "Twin", "1", True)
    erp.changed = erp.people[-1:]
    synchronise(world)
    members = {row["email"] for row in world.sandbox.expensify.policies["A1"].employees}
    assert {"ann@acme.example", "twin@acme.example"} <= members


def test_a_second_holder_of_an_e_mail_is_seen_though_only_one_changed(world: World, erp: TellingErp) -> None:
    synchronise(world)
    erp.people.append(Employee("4", "ann@acme.example", "Ann", "Twin", "1", True))
    erp.changed = erp.people[-1:]
    synchronise(world)
    assert stored(world, "action, subject")[:2] == [("skip", "3"), ("skip", "ann@acme.example")]
    ids = {row["email"]: row["employeeID"] for row in world.sandbox.expensify.policies["A1"].employees}
    assert ids["ann@acme.example"] == "2", "no account was renamed"


def test_who_expensify_skips_is_stored_with_its_reason_and_not_applied(world: World, erp: TellingErp) -> None:
    original = ExpensifyClient.update_employees

    def partly(self: ExpensifyClient, employees: Any, **options: Any) -> dict[str, Any]:
        answer = original(self, [one for one in employees if one["employeeID"] != "2"], **options)
        return {**answer, "skippedEmployees": [{"email": "ann@acme.example", "reason": "Domain not verified"}]}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExpensifyClient, "update_employees", partly)
        counts = synchronise(world)
    assert counts["employee skip"] == 2
    rows = stored(world, "action, subject, applied, reason")
    assert [row[2] for row in rows if row[:2] == ("add", "ann@acme.example")] == [0]
    assert ("skip", "ann@acme.example", 0, "Expensify skipped it: Domain not verified") in rows
    erp.changed = []
    synchronise(world)
    assert ("employee", "add", "ann@acme.example", 1) in stored(world), "tried again by the next run"


def test_what_was_sent_before_a_failure_is_known_and_the_rest_follows(
    world: World, erp: TellingErp, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def fails(*_: Any) -> None:
            raise Retryable("Expensify does not answer")

        patch.setattr(ExpensifyClient, "update_policy", fails)
        with pytest.raises(Retryable):
            synchronise(world)
    assert [row[1:] for row in stored(world) if row[1] in ("add", "change")] == [
        ("add", "ann@acme.example", 1),
        ("change", "Meals", 0),
        ("add", "Plant 1", 0),
    ]
    assert world.rows("SELECT * FROM reference_read") == [], "the next try compares everybody again"
    synchronise(world)
    assert [row[1:] for row in stored(world) if row[1] in ("add", "change")] == [
        ("change", "Meals", 1),
        ("add", "Plant 1", 1),
    ]


def test_many_employees_go_in_several_requests(world: World, erp: TellingErp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, "EMPLOYEES_PER_REQUEST", 2)
    erp.people += [Employee(str(n), f"p{n}@acme.example", "P", str(n), "1", True) for n in range(10, 14)]
    synchronise(world)
    assert jobs(world).count("update:employees") == 3
    assert len(world.sandbox.expensify.policies["A1"].employees) == 6


def test_an_erp_that_cannot_tell_is_named(world: World, erp: TellingErp, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute:
        def __enter__(self) -> Mute:
            return self

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(ReferenceDataOperator, "open_erp", lambda self, tenant, ledger: Mute())
    with pytest.raises(
        Misconfigured, match=r"acme\.yaml: syspro cannot give.*`employees` and `gl_codes` and `cost_centers` off"
    ):
        synchronise(world)


class TakingErp(TellingErp):
    """One that can be given what it lacks too."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[CostCenter | Employee] = []
        self.takes_reference_data = True

    def put_cost_center(self, center: CostCenter) -> None:
        if center.code == "BAD":
            raise Rejected("Dynamics GP refused the cost center BAD: too long")
        self.taken.append(center)

    def put_employee(self, employee: Employee) -> None:
        self.taken.append(employee)


@pytest.fixture
def taking(world: World, erp: TellingErp, monkeypatch: pytest.MonkeyPatch) -> TakingErp:
    told = TakingErp()
    monkeypatch.setattr(ReferenceDataOperator, "open_erp", lambda self, tenant, ledger: told)
    section = 'reference_data: {policies: ["A1"], employees: true, cost_centers: true, into_erp: true}\n'
    (world.tenants / "acme.yaml").write_text(TENANT + section)
    world.sandbox.expensify.policies["A1"].tags[0]["tags"] += [
        {"name": "Pier", "enabled": True, "glCode": "P7"},
        {"name": "Bad", "enabled": True, "glCode": "BAD"},
    ]
    world.sandbox.expensify.policies["A1"].employees.append(
        {"email": "zoe@acme.example", "employeeID": "9", "submitsTo": "boss@acme.example", "role": "user"}
        | {"firstName": "Zoe", "lastName": "Ray"}
    )
    return told


def test_what_the_erp_lacks_is_given_to_it_and_a_refusal_is_stored(world: World, taking: TakingErp) -> None:
    synchronise(world, dry_run=True)
    assert taking.taken == []
    before = [row[:3] for row in stored(world) if row[0].startswith("erp_")]
    assert before == [
        ("erp_employee", "add", "9"),
        ("erp_cost_center", "skip", "Hand made"),
        ("erp_cost_center", "add", "P7"),
        ("erp_cost_center", "add", "BAD"),
    ]
    synchronise(world)
    assert taking.taken == [
        CostCenter("P7", "Pier", True),
        Employee("9", "zoe@acme.example", "Zoe", "Ray", None, True),
    ]
    rows = stored(world, "kind, action, subject, applied, reason")
    assert [row[:4] for row in rows if row[2] == "P7"] == [("erp_cost_center", "add", "P7", 1)]
    assert [row[1:4] for row in rows if row[2] == "BAD"] == [("add", "BAD", 0), ("skip", "BAD", 0)]
    assert rows[-1][4] == "the ERP refused it: Dynamics GP refused the cost center BAD: too long"


def test_an_interface_without_writing_gives_the_list_only(world: World, taking: TakingErp) -> None:
    taking.takes_reference_data = False
    synchronise(world)
    assert taking.taken == []
    listed = [row[1:] for row in stored(world) if row[0].startswith("erp_")]
    assert listed == [("skip", "9", 0), ("skip", "Hand made", 0), ("skip", "P7", 0), ("skip", "BAD", 0)]


def test_an_erp_that_takes_nothing_is_named(world: World, erp: TellingErp) -> None:
    section = 'reference_data: {policies: ["A1"], employees: true, into_erp: true}\n'
    (world.tenants / "acme.yaml").write_text(TENANT + section)
    with pytest.raises(Misconfigured, match="switch `into_erp` off"):
        synchronise(world)
