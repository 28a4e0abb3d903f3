from __future__ import annotations

import threading
import time

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet, MultiFernet

from include.errors import Retryable
from include.ledger import tables
from include.ledger.database import Ledger
from include.ledger.token_store import TURN_LASTS_S, LedgerTokens
from tests.include.ledger.company import FakeClock

OLD, NEW = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())


@pytest.fixture
def tokens(ledger: Ledger) -> LedgerTokens:
    return LedgerTokens(ledger, MultiFernet([OLD]))


def stored(ledger: Ledger) -> str | None:
    with ledger.read() as connection:
        return connection.execute(sa.select(tables.cached_token.c.token)).scalar()


def test_a_token_is_kept_encrypted(ledger: Ledger, tokens: LedgerTokens) -> None:
    assert tokens.read("acumatica") is None
    tokens.write("acumatica", "very-secret")
    assert tokens.read("acumatica") == "very-secret"
    assert tokens.read("ifs") is None
    text = stored(ledger)
    assert text is not None
    assert "very-secret" not in text
    tokens.write("acumatica", "newer")
    assert tokens.read("acumatica") == "newer"
    tokens.forget("acumatica")
    assert tokens.read("acumatica") is None


def test_rotated_keys_still_open_what_the_old_one_closed(ledger: Ledger, tokens: LedgerTokens) -> None:
    tokens.write("a", "token")
    rotated = LedgerTokens(ledger, MultiFernet([NEW, OLD]))
    assert rotated.read("a") == "token"
    rotated.write("a", "token2")
    assert LedgerTokens(ledger, MultiFernet([NEW])).read("a") == "token2"
    assert tokens.read("a") is None, "a token that no key opens counts as absent"


def test_only_one_renews_at_a_time(ledger: Ledger) -> None:
    renewed: list[str] = []
    start = threading.Barrier(3)

    def task() -> None:
        tokens = LedgerTokens(ledger, MultiFernet([OLD]), sleep=lambda _: time.sleep(0.02))
        start.wait()
        with tokens.renewing("a"):
            if tokens.read("a") is None:
                time.sleep(0.1)
                renewed.append("x")
                tokens.write("a", "token")

    threads = [threading.Thread(target=task) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert renewed == ["x"]


def test_a_turn_is_given_back_when_renewing_fails(tokens: LedgerTokens) -> None:
    with pytest.raises(ValueError, match="no"), tokens.renewing("a"):
        raise ValueError("no")
    with tokens.renewing("a"):
        pass


def test_a_turn_of_a_killed_task_runs_out(ledger: Ledger) -> None:
    clock = FakeClock()
    tokens = LedgerTokens(ledger, MultiFernet([OLD]), clock=clock, sleep=clock.advance)
    began = clock.now
    assert tokens._take_turn("a") is not None
    with tokens.renewing("a"):
        assert (clock.now - began).total_seconds() == pytest.approx(TURN_LASTS_S, abs=1)


def test_who_waits_too_long_comes_back_later(ledger: Ledger) -> None:
    clock = FakeClock()
    tokens = LedgerTokens(ledger, MultiFernet([OLD]), clock=clock, sleep=lambda _: None)
    assert tokens._take_turn("a") is not None
    with pytest.raises(Retryable, match="keeps renewing"), tokens.renewing("a"):
        pytest.fail("the turn is another's")


def test_who_overstayed_does_not_end_anothers_turn(ledger: Ledger) -> None:
    clock = FakeClock()
    tokens = LedgerTokens(ledger, MultiFernet([OLD]), clock=clock, sleep=lambda _: None)
    with tokens.renewing("a"):
        clock.advance(TURN_LASTS_S + 1)
        assert tokens._take_turn("a") is not None
    assert tokens._take_turn("a") is None
