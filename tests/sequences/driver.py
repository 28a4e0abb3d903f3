"""A sequence: steps chosen by a seed, each followed by all rules. The same seed and ERP give the same choices."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

from include.errors import Refused, Retryable
from include.sandbox.faults import Delay, Drop, Fault, LateEffect, Replace, Status, Truncate
from tests.e2e.erps.under_test import ErpUnderTest, Json
from tests.plugins.expensify_erp.operators.airflow_stand_in import Run
from tests.sequences.expensify import People
from tests.sequences.mortal import Killed
from tests.sequences.rules import Rules
from tests.sequences.world import LATE_S, ZONE, World, world

TRIES = 4
BOUNDARIES = {"extract": 16, "transform": 12, "validate": 40, "load": 70, "acknowledge": 26}
"""Requests and commits of a task with something to post, all its boxes together. A process dies in a task chosen first and at
a boundary of that task: counted over the whole run, hardly any death would come as late as the posting."""
SETTINGS: tuple[Json, ...] = (
    {},
    {"hold": {"isolate": True}},
    {"posting": {"per": "report"}},
    {"posting": {"company_card": "journal"}},
)
"""Tenants are made in turn with these sections."""


Death = tuple[str, int]


class RuleBroken(AssertionError):
    """The text names the seed, the ERP and every step up to the one that broke a rule."""


@dataclass
class Sequence:
    """The steps of one world."""

    world: World
    title: str
    steps: list[str] = field(default_factory=list)
    kills: int = 0
    faults: int = 0
    waiting: int = 0
    open_runs: list[Run] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = self.world.random
        self.people = People(self.world)
        self.rules = Rules(self.world)
        self._choices: list[tuple[int, Callable[[], str]]] = [
            (8, self.people.approve),
            (2, self.people.approve_late),
            (1, self.people.before_the_start),
            (3, self.people.edit),
            (2, self.people.take_back),
            (3, self.people.approve_again),
            (1, self.people.delete),
            (1, self.people.reimburse),
            (2, self.people.move),
            (3, self.edit_the_mapping),
            (2, self.hold_an_account),
            (2, self.close_or_open_a_period),
            (4, self.scheduled_run),
            (4, self.manual_run),
            (2, self.backfill),
            (2, self.named_run),
            (1, self.dry_run),
            (5, self.killed_run),
            (5, self.run_with_faults),
            (4, self.clear_failed),
            (3, self.clear_a_whole_run),
            (3, self.two_runs_at_once),
            (1, self.lost_run),
        ]

    def step(self) -> None:
        (chosen,) = self.random.choices([one for _, one in self._choices], [weight for weight, _ in self._choices])
        self.steps.append(chosen.__name__)
        self.steps[-1] = f"{chosen.__name__}: {chosen()}"
        self._all_must_hold(self.rules.broken)

    def finish(self) -> None:
        """Whatever stood in the way is lifted, everything is read and tried again, and all rules hold."""
        world = self.world
        world.sandbox.faults.clear()
        world.settings["mapping"]["gl_account"]["values"]["Client Gifts"] = "6700"
        world.write_tenant()
        for plant in ("P1", "P2"):
            world.company.hold_account("6100", plant, on_hold=False)
        for days_ago in range(8):
            world.company.open_period(world.day(days_ago))
        everything = sorted({row["report_id"] for row in world.view().members} | set(world.sandbox.expensify.reports))
        for _ in range(3):
            world.time_passes()
            # Rejected journals are a person's to clear; the param takes them up as a clear would.
            self._play(self._run("manual"))
            if everything:
                self._play(self._run("manual", report_ids=everything))
            if keys := self._not_done():
                self._play(self._run("manual", journals=keys))
            for run in list(self.open_runs)[-12:]:
                run.clear()
                self._play(run)
        self.steps.append("the end")
        self._all_must_hold(self.rules.broken_at_the_end)

    def _not_done(self) -> list[str]:
        return [row["journal_key"] for row in self.world.view().journals if row["state"] not in ("posted", "closed")]

    def _all_must_hold(self, broken: Callable[[], list[str]]) -> None:
        found = broken()
        if found:
            shown = "\n".join(f"  {number:3} {step}" for number, step in enumerate(self.steps, 1))
            raise RuleBroken(f"{self.title}, after {len(self.steps)} steps:\n{shown}\nbroken:\n  " + "\n  ".join(found))

    # --- what happens in the ERP and in the tenant file -----------------------------------------------------------

    def edit_the_mapping(self) -> str:
        values = self.world.settings["mapping"]["gl_account"]["values"]
        if "Client Gifts" in values:
            del values["Client Gifts"]
        else:
            values["Client Gifts"] = "6700"
        values["Meals"] = self.random.choice(["6100", "6100", "6700"])
        self.world.write_tenant()
        return str(values)

    def hold_an_account(self) -> str:
        on_hold = self.random.random() < 0.5
        self.world.company.hold_account("6100", "P1", on_hold)
        return f"6100 of P1 on hold: {on_hold}"

    def close_or_open_a_period(self) -> str:
        day, close = self.world.day(2), self.random.random() < 0.4
        (self.world.company.close_period if close else self.world.company.open_period)(day)
        return f"the period of {day} is {'closed' if close else 'open'}"

    # --- runs -----------------------------------------------------------------------------------------------------

    def _run(self, kind: str, days_ago: int | None = None, **params: object) -> Run:
        interval = None
        if days_ago is not None:
            start = datetime.combine(self.world.day(days_ago), time(6), ZONE)
            interval = (start, start + timedelta(days=1))
        run = self.world.airflow.run("acme", kind, interval, **params)
        self.open_runs.append(run)
        return run

    def scheduled_run(self) -> str:
        return self._play(self._run("scheduled", self.random.randrange(1, 5)))

    def manual_run(self) -> str:
        return self._play(self._run("manual"))

    def backfill(self) -> str:
        return self._play(self._run("backfill", self.random.randrange(1, 6)))

    def named_run(self) -> str:
        if self.random.random() < 0.5 and (keys := self._not_done()):
            return self._play(self._run("manual", journals=self.random.sample(keys, 1)))
        names = sorted(self.world.sandbox.expensify.reports)
        if not names:
            return "no report to name"
        chosen = self.random.sample(names, min(len(names), 3))
        return self._play(self._run("manual", report_ids=chosen))

    def dry_run(self) -> str:
        return self._play(self._run("manual", dry_run=True))

    def _something_to_post(self) -> None:
        """What goes wrong goes wrong while something is posted; without it most blows would meet an empty run."""
        for _ in range(2):
            self.people.approve()

    def killed_run(self) -> str:
        self._something_to_post()
        run = self._run(self.random.choice(["manual", "scheduled"]), 2)
        where = self._a_death()
        said = self._play(run, dies_at=where, patient=self.random.random() < 0.6)
        return f"killed in {where[0]} at boundary {where[1]}: {said}"

    def _a_death(self) -> Death:
        (task,) = self.random.choices(list(BOUNDARIES), weights=[2, 1, 2, 6, 2])
        return task, self.random.randrange(1, BOUNDARIES[task] + 1)

    def run_with_faults(self) -> str:
        self._something_to_post()
        erp = self.world.erp
        page = b"<html><body>Service unavailable</body></html>"
        ordered = []
        for _ in range(self.random.randrange(1, 4)):
            service, operation = self.random.choice(
                [(erp.name, erp.create)] * 4
                + [(erp.name, erp.lookup)] * 3
                + [(erp.name, "*")] * 2
                + [("expensify", "*")]
            )
            action, when = self.random.choice(
                [
                    (Drop(), "before"),
                    (Drop(), "after"),
                    (Status(503, page), "before"),
                    (Status(500, page), "after"),
                    (Status(502, page), "after"),
                    (Replace(page), "after"),
                    (Truncate(20), "after"),
                    (Truncate(20, clean=True), "after"),
                    (Delay(LATE_S), "before"),
                    (LateEffect(LATE_S), "before"),
                ]
            )
            skip = self.random.randrange(2)
            self.world.sandbox.faults.add(Fault(service, operation, action, when, skip=skip))  # type: ignore[arg-type]
            ordered.append(f"{operation} {type(action).__name__} {when}")
        self.faults += len(ordered)
        # Every report by its ID: a run by hand begins where the last window ended, and would find few of them.
        names = sorted(self.world.sandbox.expensify.reports)
        said = self._play(self._run("manual", report_ids=names), patient=self.random.random() < 0.8)
        self.world.sandbox.faults.clear()
        return f"{', '.join(ordered)}: {said}"

    def clear_failed(self) -> str:
        failed = [run for run in self.open_runs[-20:] if run.state == "failed"]
        if not failed:
            return "no run failed"
        run = self.random.choice(failed)
        run.clear()
        steps = ("extract", "transform", "validate")
        from_start = any(run.states.get(step) != "success" for step in steps)
        return f"{run.run_id}: " + self._play(run, only_load=not from_start)

    def clear_a_whole_run(self) -> str:
        if not self.open_runs:
            return "no run"
        run = self.random.choice(self.open_runs[-20:])
        run.clear()
        return f"{run.run_id}: " + self._play(run)

    def lost_run(self) -> str:
        """Its tasks are killed and nobody clears it; then it is deleted."""
        run = self._run("manual")
        said = self._play(run, dies_at=self._a_death(), patient=False)
        self.world.airflow.runs.remove(run)
        self.open_runs.remove(run)
        return said

    def two_runs_at_once(self) -> str:
        self._something_to_post()
        runs = [self._run("manual"), self._run(self.random.choice(["scheduled", "backfill"]), 2)]
        if self.random.random() < 0.4 and len(self.open_runs) > 3:
            runs[0] = self.open_runs[-3]
            runs[0].clear()
        dies = [self.random.choice([None, None, self._a_death()]) for _ in runs]
        said = [""] * len(runs)
        problems: list[BaseException] = []

        def play(number: int) -> None:
            try:
                said[number] = self._play(runs[number], dies_at=dies[number], patient=False)
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                problems.append(error)

        threads = [threading.Thread(target=play, args=(number,)) for number in range(len(runs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]
        return " | ".join(said)

    # --- what Airflow would do ------------------------------------------------------------------------------------

    def _play(self, run: Run, dies_at: Death | None = None, patient: bool = True, only_load: bool = False) -> str:
        """Execute a run's tasks in order, each as often as its retries allow.

        :param dies_at: the task and its boundary at which the process is killed.
        :param patient: wait for leases and retry; else what must wait fails, and somebody clears it later.
        """
        mortal = self.world.mortal
        task_of_death, boundary = dies_at or (None, 0)

        def begin(task: str) -> None:
            mortal.live(boundary if task == task_of_death else None)

        run.state = "running"
        said = []
        if not only_load:
            for name, task in (("extract", run.extract), ("transform", run.transform), ("validate", run.validate)):
                begin(name)
                outcome = self._task(task, patient)
                said.append(f"{name} {outcome}")
                if outcome != "ok":
                    break
        validated = all(run.states.get(step) == "success" for step in ("extract", "transform", "validate"))
        begin("load")
        if validated and not run.params.get("dry_run"):
            for index in range(len(run.xcoms["validate"])):
                said.append(f"load {index} {self._task(lambda at=index: run.load(at), patient)}")  # type: ignore[misc]
        # The driver's own look at the ledger is no place to die.
        mortal.live()
        self.waiting += bool(self._not_done())
        begin("acknowledge")
        outcome = self._task(run.acknowledge, patient)
        said.append(f"acknowledge {outcome}")
        run.state = "success" if outcome == "ok" else "failed"
        mortal.live()
        return ", ".join(said)

    def _task(self, task: Callable[[], object], patient: bool) -> str:
        outcome = "not tried"
        for _ in range(TRIES):
            try:
                task()
                return "ok"
            except Killed:
                self.kills += 1
                outcome = "killed"
                self.world.mortal.live()
            except Refused as error:
                return type(error).__name__
            except Retryable as error:
                outcome = type(error).__name__
                if not patient:
                    return outcome
            if patient:
                self.world.time_passes()
            elif outcome == "killed":
                return outcome
        return outcome


@dataclass(frozen=True)
class Outcome:
    """What a sequence did."""

    title: str
    steps: int
    kills: int
    faults: int
    waiting: int
    """Runs that came to their last step while a journal was not posted: only then can a report be marked too early."""
    states: dict[str, int]


def play(erp: ErpUnderTest, seed: int, steps: int, folder: Path) -> Outcome:
    """A whole sequence. Raises :class:`RuleBroken` with the seed when a rule does not hold."""
    title = f"erp {erp.name}, seed {seed}"
    with world(erp, seed, folder, SETTINGS[seed % len(SETTINGS)]) as made:
        sequence = Sequence(made, title)
        try:
            for _ in range(steps):
                sequence.step()
            sequence.finish()
        except RuleBroken:
            raise
        except Exception as error:
            shown = "\n".join(f"  {number:3} {step}" for number, step in enumerate(sequence.steps, 1))
            raise RuleBroken(
                f"{title}, {type(error).__name__} in step {len(sequence.steps)}: {error}\n{shown}"
            ) from error
        states: dict[str, int] = {}
        for row in made.view().journals:
            states[row["state"]] = states.get(row["state"], 0) + 1
        return Outcome(title, steps, sequence.kills, sequence.faults, sequence.waiting, states)
