from collections.abc import Iterator

import pytest

from include.erps.kept_answers import KeptAnswers
from tests.include.erps.shared_state import Tokens


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Question:
    """Answers 1, 2, 3 ...; each answer takes ``lasts_s``."""

    def __init__(self, clock: Clock, lasts_s: float = 0) -> None:
        self.answers: Iterator[int] = iter(range(1, 100))
        self.clock, self.lasts_s = clock, lasts_s

    def __call__(self) -> str:
        self.clock.now += self.lasts_s
        return str(next(self.answers))


def test_an_answer_is_kept_for_its_time_over_all_sessions_and_not_longer() -> None:
    store, clock = Tokens(), Clock()
    ask = Question(clock)
    first, second = (KeptAnswers(store, "erp", "host", "company", clock=clock) for _ in range(2))
    assert first.answer("period", 60, ask) == "1"
    clock.now += 59.9
    assert second.answer("period", 60, ask) == "1"
    clock.now += 0.2
    assert second.answer("period", 60, ask) == "2"
    assert first.answer("another question", 60, ask) == "3"


def test_the_time_counts_from_before_the_question() -> None:
    store, clock = Tokens(), Clock()
    kept = KeptAnswers(store, "erp", clock=clock)
    kept.answer("period", 60, Question(clock, lasts_s=50))
    clock.now += 11
    assert kept.read("period", 60) is None


@pytest.mark.parametrize("owner", [("host", "other"), ("hostcompany",), ("host", "company", "")])
def test_another_company_or_user_shares_nothing(owner: tuple[str, ...]) -> None:
    store, clock = Tokens(), Clock()
    KeptAnswers(store, "erp", "host", "company", clock=clock).write("period", "11", clock())
    assert KeptAnswers(store, "erp", *owner, clock=clock).read("period", 60) is None
    assert KeptAnswers(store, "other", "host", "company", clock=clock).read("period", 60) is None


def test_without_a_store_or_a_time_every_question_is_asked() -> None:
    clock = Clock()
    ask = Question(clock)
    assert [KeptAnswers(None, "erp", clock=clock).answer("period", 60, ask) for _ in range(2)] == ["1", "2"]
    stored = KeptAnswers(Tokens(), "erp", clock=clock)
    assert [stored.answer("period", 0, ask) for _ in range(2)] == ["3", "4"]


def test_a_question_that_fails_keeps_nothing_and_the_next_asks() -> None:
    store, clock = Tokens(), Clock()
    kept = KeptAnswers(store, "erp", clock=clock)

    def fail() -> str:
        raise LookupError

    with pytest.raises(LookupError):
        kept.answer("period", 60, fail)
    assert store.kept == {}


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        "{",
        "12.5",
        '{"asked_at":1000000}',
        '{"asked_at":1000000,"value":3}',
        '{"asked_at":1000001,"value":"x"}',
    ],
)
def test_what_is_damaged_or_from_the_future_is_asked_again(damaged: str) -> None:
    store, clock = Tokens(), Clock()
    kept = KeptAnswers(store, "erp", clock=clock)
    kept.write("period", "x", clock())
    (name,) = store.kept
    assert kept.read("period", 60) == "x"
    store.kept[name] = damaged
    assert kept.read("period", 60) is None


def test_what_is_forgotten_is_asked_again() -> None:
    store, clock = Tokens(), Clock()
    kept = KeptAnswers(store, "erp", clock=clock)
    kept.write("policy", "x", clock())
    kept.forget("policy")
    assert kept.read("policy", 60) is None
