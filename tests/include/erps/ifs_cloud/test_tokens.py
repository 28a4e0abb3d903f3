from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from include.erps.ifs_cloud.client import IfsCloudErp
from include.errors import LookupFailed, Misconfigured, Retryable
from include.sandbox.faults import Drop, Fault, Replace, Status
from include.sandbox.ifs_cloud import Company, IfsCloud
from include.sandbox.server import Sandbox
from tests.include.erps.ifs_cloud.conftest import SECRET, journal, settings
from tests.include.erps.shared_state import Tokens

Connect = Callable[..., IfsCloudErp]


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock(ifs: IfsCloud) -> Clock:
    known = Clock()
    ifs.tokens.clock = known
    return known


@pytest.mark.parametrize(("life_s", "good_for_s"), [(180, 150), (3600, 3000)])
def test_a_token_is_renewed_after_five_sixths_of_its_life(
    connect: Connect, ifs: IfsCloud, company: Company, clock: Clock, life_s: int, good_for_s: int
) -> None:
    ifs.tokens.life_s = life_s
    client = connect(now=clock)
    client.find(journal())
    clock.at += good_for_s - 1
    client.find(journal())
    assert ifs.tokens.issued == 1
    clock.at += 1
    client.find(journal())
    assert ifs.tokens.issued == 2


def test_another_task_uses_the_same_token(connect: Connect, ifs: IfsCloud, company: Company) -> None:
    connect().find(journal())
    connect().find(journal())
    assert ifs.tokens.issued == 1


def test_a_rotated_secret_gets_a_token_of_its_own(
    connect: Connect, ifs: IfsCloud, company: Company, tokens: Tokens
) -> None:
    connect().find(journal())
    with pytest.raises(Misconfigured, match="refused the client expensify"):
        connect(secret="wrong").find(journal())
    assert ifs.tokens.issued == 1
    assert not any(SECRET in name + token for name, token in tokens.kept.items())


def test_a_token_ended_early_is_replaced_once_and_the_question_asked_again(
    connect: Connect, ifs: IfsCloud, box: Sandbox, company: Company
) -> None:
    client = connect()
    client.find(journal())
    ifs.tokens.revoke()
    assert client.find(journal()) == []
    assert ifs.tokens.issued == 2


def test_a_token_replaced_by_another_task_is_taken_over(
    connect: Connect, ifs: IfsCloud, company: Company, tokens: Tokens
) -> None:
    """Ours is refused; while we wait for our turn, another task has put a good one in its place."""
    client = connect()
    client.find(journal())
    ifs.tokens.revoke()
    other = connect()
    renewing = tokens.renewing

    @contextmanager
    def turn(name: str) -> Iterator[None]:
        tokens.renewing = renewing  # type: ignore[method-assign]
        other.find(journal())
        with renewing(name):
            yield

    tokens.renewing = turn  # type: ignore[method-assign]
    assert client.find(journal()) == []
    assert ifs.tokens.issued == 2


def test_a_fresh_token_that_is_refused_is_no_reason_to_try_for_ever(
    connect: Connect, ifs: IfsCloud, box: Sandbox, company: Company
) -> None:
    box.faults.add(Fault("ifs_cloud", "Company", Status(401, '{"error":{"message":"Unauthorized"}}'), times=99))
    with pytest.raises(Misconfigured, match="fresh token"):
        connect().check([journal()])
    assert box.operations("ifs_cloud") == ["Token", "Company", "Token", "Company"]


def test_a_refused_client_is_asked_once_and_says_what_to_correct(
    connect: Connect, box: Sandbox, company: Company
) -> None:
    client = connect(secret="wrong")
    for _ in range(2):
        with pytest.raises(Misconfigured, match="login and password") as caught:
            client.find(journal())
    assert "wrong" not in str(caught.value)
    assert box.operations("ifs_cloud") == ["Token"]


def test_an_unknown_realm_names_the_extra(connect: Connect, company: Company) -> None:
    with pytest.raises(Misconfigured, match="realm"):
        connect(token_path="/auth/realms/acme/protocol/openid-connect/token").find(journal())


def test_a_token_server_at_a_whole_address(connect: Connect, box: Sandbox, company: Company) -> None:
    whole = f"{box.url}/auth/realms/acme1/protocol/openid-connect/token"
    assert connect(token_path=whole).find(journal()) == []


@pytest.mark.parametrize("place", ["auth/token", "", "https://"])
def test_a_token_path_that_is_none(connect: Connect, company: Company, place: str) -> None:
    with pytest.raises(Misconfigured, match="token_path"):
        connect(token_path=place)


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"access_token":"x"}', '{"access_token":"","expires_in":60}'])
def test_an_unusable_token_answer_is_tried_again_later(
    connect: Connect, box: Sandbox, company: Company, body: str
) -> None:
    box.faults.add(Fault("ifs_cloud", "Token", Replace(body), when="after"))
    with pytest.raises(Retryable):
        connect().find(journal())
    assert connect().find(journal()) == []


def test_a_token_server_that_drops_once_is_asked_again(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("ifs_cloud", "Token", Drop()))
    assert connect().find(journal()) == []


def test_a_damaged_stored_token_counts_as_none(
    connect: Connect, ifs: IfsCloud, company: Company, tokens: Tokens
) -> None:
    client = connect()
    client.find(journal())
    (name,) = [name for name, kept in tokens.kept.items() if "renew_at" in kept]
    for damaged in ("", "[]", "{", '{"token":1,"renew_at":9e99}', '{"token":"x"}'):
        tokens.kept[name] = damaged
        assert client.find(journal()) == []


def test_a_server_that_is_gone_is_a_failed_look_up(connect: Connect, box: Sandbox, company: Company) -> None:
    client = connect(query_attempts=1)
    client.find(journal())
    box.stop()
    with pytest.raises(LookupFailed):
        client.find(journal())


def test_plain_http_is_refused_but_to_this_machine(tokens: Tokens) -> None:
    for url in ("http://acme.ifs.cloud", "acme.ifs.cloud"):
        with pytest.raises(Misconfigured, match="https"):
            IfsCloudErp(
                url,
                "a",
                "b",
                token_path="/t",
                settings=settings(),
                tokens=tokens,
                budget=None,  # type: ignore[arg-type]
            )
