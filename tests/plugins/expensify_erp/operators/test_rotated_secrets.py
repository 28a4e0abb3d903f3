"""A secret of the ERP's that is rotated while a step runs."""

from __future__ import annotations

import json
import os

import pytest

from include.errors import Misconfigured, Retryable
from include.sandbox.faults import Delay, Fault
from tests.plugins.expensify_erp.operators.conftest import World

NAME = "AIRFLOW_CONN_SYSPRO_ACME"


@pytest.fixture
def stale(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A tenant with a journal to check, whose connection holds yesterday's password."""
    world.report("R1")
    monkeypatch.setenv(NAME, _with_password("yesterdays"))
    return world


def _with_password(password: str) -> str:
    return json.dumps({**json.loads(os.environ[NAME]), "password": password})


def _rotated_when_asked(world: World) -> None:
    def rotate(_: str) -> bool:
        os.environ[NAME] = _with_password("robot-secret")
        return False

    world.sandbox.faults.add(Fault("syspro", "Logon", Delay(0), match=rotate))


def test_the_step_is_tried_again_with_the_new_one_and_posts(stale: World) -> None:
    run = stale.run()
    run.extract()
    run.transform()
    _rotated_when_asked(stale)
    with pytest.raises(Retryable, match="the connection syspro_acme was changed while this step ran") as caught:
        run.validate()
    assert "yesterdays" not in str(caught.value)
    assert caught.value.delay_s == 1
    (keys,) = run.validate()
    run.load(0)
    assert stale.journals() == {keys[0]: "posted"}


def test_a_wrong_secret_that_nobody_changes_is_a_persons_to_correct(stale: World) -> None:
    run = stale.run()
    run.extract()
    run.transform()
    with pytest.raises(Misconfigured):
        run.validate()
