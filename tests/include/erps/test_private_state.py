from include.erps.private_state import PrivateBudget, PrivateTokens


class Clock:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def budget(*limits: tuple[int, float]) -> tuple[PrivateBudget, Clock]:
    clock = Clock()
    return PrivateBudget(limits, slack_s=1, monotonic=clock, sleep=clock.sleep), clock


def test_the_first_requests_go_at_once_and_the_next_waits_for_the_window() -> None:
    taken, clock = budget((2, 10), (3, 60))
    taken.take()
    taken.take()
    assert clock.slept == []
    taken.take()
    assert clock.slept == [11]
    taken.take()
    assert clock.slept == [11, 50]


def test_a_pause_that_the_server_asks_for_is_kept() -> None:
    taken, clock = budget((5, 10))
    taken.pause(30)
    taken.pause(5)
    taken.take()
    assert clock.slept == [30]


def test_tokens_are_kept_until_they_are_forgotten() -> None:
    tokens = PrivateTokens()
    assert tokens.read("a") is None
    with tokens.renewing("a"):
        tokens.write("a", "t")
    assert tokens.read("a") == "t"
    tokens.forget("a")
    tokens.forget("a")
    assert tokens.read("a") is None
