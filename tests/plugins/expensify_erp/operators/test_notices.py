"""Who is told what when a run leaves something open: through Airflow's notifiers, by mail over a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from airflow.sdk import BaseNotifier
from expensify_erp import notices

from include.errors import Held, Retryable, Unreconciled
from include.sandbox.faults import Drop, Fault
from tests.plugins.expensify_erp.operators import mail_server
from tests.plugins.expensify_erp.operators.airflow_stand_in import Run
from tests.plugins.expensify_erp.operators.conftest import NOVEMBER_10, World
from tests.plugins.expensify_erp.operators.mail_server import MailServer
from tests.plugins.expensify_erp.operators.test_reconcile import Reconciliation

TO_FINANCE = {"to": "finance@acme.example, controlling@acme.example"}


@pytest.fixture
def mail(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server behind ``smtp_default``, and finance behind ``expense_notices``."""
    with mail_server.running() as server:
        plain = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@acme.example", "retry_limit": 1}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": plain}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://airflow.acme.example/")
        tell(monkeypatch, TO_FINANCE)
        yield server


def tell(monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_EXPENSE_NOTICES", json.dumps({"conn_type": "generic", "extra": extra}))


class Remembers(BaseNotifier):
    """Any other notifier: takes rendered texts."""

    template_fields = ("text",)
    said: ClassVar[list[str]] = []

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, context: Any) -> None:
        self.said.append(self.text)


def held(world: World, kind: str = "scheduled") -> Run:
    """A run with one held journal of 184.00 USD, ended by its acknowledge."""
    world.report("R1", category="Gifts", cents=18400, accountEmail="dana@acme.example")
    run = world.run() if kind == "scheduled" else world.run(kind, None)
    run.until_validated()
    with pytest.raises(Held):
        run.acknowledge()
    return run


class TestTheMail:
    def test_a_held_journal_is_told_with_amount_reason_fix_and_links(self, world: World, mail: MailServer) -> None:
        held(world)
        ((recipients, message),) = mail.messages
        (text,) = mail.texts()
        assert recipients == ["finance@acme.example", "controlling@acme.example"]
        assert message["Subject"] == "acme: 1 thing needs a person"
        assert message["From"] == "airflow@acme.example"
        for part in (
            "20251102-1 (184.00 USD) is held",
            "Category &#x27;Gifts&#x27; has no account (report R1, 184.00 USD)",
            "Write it under `mapping.gl_account.values` in acme.yaml",
            "http://airflow.acme.example/dags/expenses__acme/runs/scheduled__1/tasks/load/mapped/0",
            'href="http://airflow.acme.example/dags/expenses__acme/runs/scheduled__1"',
        ):
            assert part in text

    def test_it_holds_neither_secrets_nor_people(self, world: World, mail: MailServer) -> None:
        held(world)
        (text,) = mail.texts()
        assert [word for word in ("acme-secret", "robot-secret", "dana@", "Diner", "Trip R1") if word in text] == []

    def test_what_comes_from_outside_is_escaped(self, world: World, mail: MailServer) -> None:
        world.report("R1", category="<b>{{ 7 * 7 }}</b>")
        run = world.run()
        run.until_validated()
        with pytest.raises(Held):
            run.acknowledge()
        (text,) = mail.texts()
        assert "&lt;b&gt;{{ 7 * 7 }}&lt;/b&gt;" in text

    def test_several_journals_make_one_message(self, world: World, mail: MailServer) -> None:
        world.report("R2", day="2025-11-03", category="Gifts")
        held(world, "manual")
        ((_, message),) = mail.messages
        assert message["Subject"] == "acme: 2 things need a person"
        assert all(key in mail.texts()[0] for key in ("20251102-1", "20251103-1"))

    def test_a_step_that_failed_is_told(self, world: World, mail: MailServer) -> None:
        with pytest.raises(Held):
            world.run().acknowledge()
        assert "extract, transform, validate did not succeed" in mail.texts()[0]

    def test_a_total_that_differs_is_told(self, world: World, mail: MailServer) -> None:
        world.report("R1")
        run = world.run()
        run.until_validated()
        run.load()
        world.find_another_total()
        with pytest.raises(Held):
            run.acknowledge()
        assert "Sent 12.50, document 2025/411 shows 12.51" in mail.texts()[0]


class TestHowOften:
    def test_a_good_run_and_a_dry_run_tell_nobody(self, world: World, mail: MailServer) -> None:
        world.report("R1")
        world.run().post_all()
        world.report("R2", category="Gifts")
        dry = world.run("manual", NOVEMBER_10, dry_run=True)
        dry.until_validated()
        dry.acknowledge()
        assert mail.messages == []

    def test_a_replay_tells_again_only_while_something_is_open(self, world: World, mail: MailServer) -> None:
        run = held(world)
        run.clear()
        with pytest.raises(Held):
            run.load()
        with pytest.raises(Held):
            run.acknowledge()
        assert len(mail.messages) == 2
        world.report("R1")
        run.clear()
        run.load()
        run.acknowledge()
        assert len(mail.messages) == 2

    @pytest.mark.parametrize(("retries", "told"), [(0, 1), (2, 0)], ids=["last try", "more tries come"])
    def test_marks_that_fail_do_not_keep_it_back_for_ever(
        self, world: World, mail: MailServer, retries: int, told: int
    ) -> None:
        world.tenant(expensify={"mark_exported": "syspro-acme"})
        world.report("R1")
        world.report("R2", day="2025-11-03", category="Gifts")
        run = world.run("manual", None)
        run.max_tries = retries
        run.until_validated()
        run.load(0)
        world.sandbox.faults.add(Fault("expensify", "file:mark", Drop(), times=20))
        with pytest.raises(Retryable):
            run.acknowledge()
        assert len(mail.messages) == told


class TestTheConnection:
    def test_without_it_nobody_is_told_and_the_run_says_the_same(
        self, world: World, mail: MailServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AIRFLOW_CONN_EXPENSE_NOTICES")
        held(world)
        assert mail.sessions == 0

    def test_a_tenant_s_own_addresses_win(
        self, world: World, mail: MailServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tell(monkeypatch, {**TO_FINANCE, "tenants": {"acme": ["ap@acme.example"]}})
        held(world)
        assert [recipients for recipients, _ in mail.messages] == [["ap@acme.example"]]

    def test_a_tenant_may_be_left_out(self, world: World, mail: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
        tell(monkeypatch, {**TO_FINANCE, "tenants": {"acme": []}})
        held(world)
        assert mail.messages == []

    def test_any_other_notifier_takes_the_same_texts(
        self, world: World, mail: MailServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Remembers.said.clear()
        path = f"{Remembers.__module__}.{Remembers.__qualname__}"
        tell(monkeypatch, {"notifier": path, "kwargs": {"text": "{{ notice.subject }} / {{ notice.text }}"}})
        held(world)
        (said,) = Remembers.said
        assert said.startswith("acme: 1 thing needs a person / ")
        assert "  -> Write it under `mapping.gl_account.values` in acme.yaml" in said
        assert mail.messages == []


class TestANotifierThatFails:
    def test_a_mail_server_that_refuses_changes_nothing_about_the_run(self, world: World, mail: MailServer) -> None:
        mail.refuses = True
        world.report("R2", day="2025-11-03")
        world.report("R1", category="Gifts")
        run = world.run("manual", None)
        run.until_validated()
        run.load(1)
        with pytest.raises(Held, match=r"1 journals of this run need a person:\n20251102-1"):
            run.acknowledge()
        assert mail.sessions >= 1
        assert world.journals() == {"20251102-1": "held", "20251103-1": "posted"}

    @pytest.mark.parametrize(
        "extra",
        [
            {"notifier": "no.such.module.Notifier"},
            {"notifier": "json.dumps"},
            {"notifier": "nothing"},
            {"to": ["a@acme.example"], "kwargs": ["no", "object"]},
            {"to": ["a@acme.example"], "kwargs": {"no_such_argument": 1}},
            {"to": ["a@acme.example"], "smtp_conn_id": "no_such_connection"},
            {"to": ["a@acme.example"], "kwargs": {"subject": "{{ notice.subject | no_such_filter }}"}},
        ],
        ids=["missing", "no notifier", "no path", "kwargs", "argument", "connection", "template"],
    )
    def test_a_wrong_configuration_neither(
        self, world: World, mail: MailServer, monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
    ) -> None:
        tell(monkeypatch, extra)
        held(world)
        assert mail.messages == []

    def test_one_that_hangs_is_given_up(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        class Hangs(BaseNotifier):
            def notify(self, context: Any) -> None:
                import time

                time.sleep(60)

        monkeypatch.setattr(notices, "PATIENCE_S", 0.2)
        monkeypatch.setattr(notices, "_notifier", lambda *_: Hangs())
        tell(monkeypatch, TO_FINANCE)
        held(world)


class TestReconciliation:
    def test_what_a_reconciliation_found_is_told_once_with_what_to_do(self, world: World, mail: MailServer) -> None:
        world.tenant()
        world.report("R1", cents=1250)
        world.run("manual", None).post_all()
        world.report("R1", cents=1350)
        run = Reconciliation(world.airflow, "acme", "manual__r1", "manual", None, {"month": "2025-11"})
        world.airflow.runs.append(run)
        with pytest.raises(Unreconciled):
            run.run()
        ((_, message),) = mail.messages
        (text,) = mail.texts()
        assert message["Subject"] == "acme: 1 thing needs a person"
        assert "R1" in text
        assert "12.50" in text
        assert "13.50" in text
        assert "http://airflow.acme.example/dags/reconcile__acme/runs/manual__r1" in text
