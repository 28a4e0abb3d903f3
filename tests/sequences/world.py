"""One tenant between a simulated Expensify and one of the five ERPs, with the real operators, a real ledger and an Airflow
that is no scheduler: what happens when, the sequence decides."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
import yaml
from airflow.sdk.execution_time.cache import SecretCache
from expensify_erp.hooks import expensify as expensify_hook

from include.erps.sage_100.session import Session
from include.expensify.client import ExpensifyClient
from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.limiter import Limit
from include.sandbox.expensify import Policy
from include.sandbox.server import Sandbox
from scripts.cluster_check import LedgerView
from tests.e2e.erps.under_test import Company, ErpUnderTest, Json
from tests.plugins.expensify_erp.operators import acme
from tests.plugins.expensify_erp.operators.airflow_stand_in import Airflow
from tests.sequences.mortal import Mortal, make_mortal

ZONE = ZoneInfo("America/Chicago")
POLICY = "00000000000000A1"
LABEL = "posted-by-sequence"
PREFIX = "T1"
_PAUSE = time.sleep
START_DAYS_AGO = 6
# Late effects of the simulated servers; their requests have been given up by then.
LATE_S = 0.25
REQUEST_TIMEOUT_S = 4


@dataclass
class World:
    """Everything around the operators, and the ERP's own books."""

    erp: ErpUnderTest
    sandbox: Sandbox
    company: Company
    folder: Path
    ledger: Ledger
    random: Random
    mortal: Mortal
    settings: Json
    airflow: Airflow = field(default_factory=Airflow)
    expenses: int = 0
    reports: int = 0

    @property
    def today(self) -> date:
        return datetime.now(ZONE).date()

    def day(self, days_ago: int) -> date:
        return self.today - timedelta(days=days_ago)

    def write_tenant(self) -> None:
        fresh = self.folder / "acme.new"
        fresh.write_text(yaml.safe_dump(self.settings, sort_keys=False))
        fresh.replace(self.folder / "tenants" / "acme.yaml")

    def view(self) -> LedgerView:
        return LedgerView.read(self.ledger.url.render_as_string(hide_password=False))

    def time_passes(self) -> None:
        """Every lease ends, and whatever the servers still had to do is done. The settle time is none here, so an empty look-up
        keeps its time: moved before the create that it answers, it would prove nothing."""
        _PAUSE(self._late())
        long_ago = datetime.now(ZONE) - timedelta(days=1)
        with self.ledger.write() as connection:
            connection.execute(tables.attempt.update().values(lease_until=long_ago))
            connection.execute(tables.run.update().values(refreshing_until=None))

    def _late(self) -> float:
        """How long the servers' late effects may still take, in seconds."""
        recent = datetime.now(ZONE) - timedelta(seconds=5)
        late = {"LateEffect", "Delay"}
        struck = any(call.at > recent and late & set(call.faults) for call in self.sandbox.calls[-200:])
        return LATE_S + 0.1 if struck else 0.0

    def marked(self) -> set[str]:
        with self.sandbox.lock:
            return {name for name, found in self.sandbox.expensify.labels.items() if LABEL in found}


def _settings(erp: ErpUnderTest, company: Company, today: date) -> Json:
    return {
        "schedule": "0 6 * * *",
        "timezone": str(ZONE),
        "start_date": today - timedelta(days=START_DAYS_AGO),
        "expensify": {
            "connection": "expensify_acme",
            "policies": [POLICY],
            "mark_exported": LABEL if erp.marks else None,
            "lookback_days": 3,
            "file_ready_within_s": 2,
        },
        "erp": {
            **company.erp_section("erp_acme", "pool"),
            "settle_s": 0,
            "request_timeout_s": REQUEST_TIMEOUT_S,
        },
        "posting": {"currency": "USD", "reference_prefix": PREFIX, **erp.posting},
        "mapping": {
            "gl_account": {"values": {"Meals": "6100", "Airfare": "6200"}},
            "dimensions": {"cost_center": {"tag": 1, "required": True, "values": {"Plant 1": "P1", "Plant 2": "P2"}}},
        },
    }


@contextlib.contextmanager
def world(erp: ErpUnderTest, seed: int, folder: Path, changes: Json | None = None) -> Iterator[World]:
    """A new world, made anew for each seed. ``changes`` are sections of the tenant file, one level deep."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        SecretCache.reset()
        folder.mkdir(parents=True)
        (folder / "tenants").mkdir()
        sandbox = stack.enter_context(Sandbox(*erp.services()))
        expensify = sandbox.expensify
        with sandbox.lock:
            expensify.credentials = {"aa_acme": "acme-secret"}
            expensify.limits.windows = ()
            expensify.policies[POLICY] = Policy(POLICY, "Acme")
        company = erp.found(sandbox, 1)
        file = folder / "ledger.db"
        for name, value in acme.environment(folder, sandbox.port, {"ERP_ACME": company.connection()}).items():
            patch.setenv(name, value)
        _be_quick(patch)
        mortal = Mortal()
        make_mortal(patch, mortal)
        ledger = stack.enter_context(Ledger(f"sqlite:///{file}"))
        ledger.create_if_missing()
        settings = _settings(erp, company, datetime.now(ZONE).date())
        for name, section in (changes or {}).items():
            settings[name] = {**settings.get(name, {}), **section}
        made = World(erp, sandbox, company, folder, ledger, Random(seed), mortal, settings)
        made.write_tenant()
        try:
            yield made
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _be_quick(patch: pytest.MonkeyPatch) -> None:
    """Back-off between repeats is not what is tried here: every pause is a few milliseconds."""

    def quick(seconds: float) -> None:
        _PAUSE(min(seconds, 0.003))

    patch.setattr(time, "sleep", quick)
    for method in (ExpensifyClient.__init__, Session.__init__):
        defaults = method.__kwdefaults__
        assert "sleep" in defaults
        patch.setitem(defaults, "sleep", quick)
    # The real budget is five requests in ten seconds; tests of the budget itself are with the ledger.
    patch.setattr(expensify_hook, "LIMITS", (Limit(100_000, 10),))
