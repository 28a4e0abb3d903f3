"""The demo tenant from Expensify's export to posted documents: real ledger, real tokens, real sockets, no Airflow."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet

from include.clock import utc_now
from include.erps.acumatica.access import Credentials
from include.erps.acumatica.client import AcumaticaErp
from include.erps.acumatica.settings import AcumaticaSettings
from include.errors import Held, Rejected, Retryable, UnknownOutcome
from include.expensify.client import ExpensifyClient
from include.expensify.extraction import extract, queries_for_reports
from include.ledger import checking, claims, journals
from include.ledger.database import Ledger
from include.ledger.journals import Actor, Journal, Scope
from include.ledger.limiter import Budget, Limit
from include.ledger.posting import Poster
from include.ledger.reading import reading_of
from include.ledger.token_store import LedgerTokens
from include.sandbox.acumatica import Acumatica, demo
from include.sandbox.faults import Drop, Fault, LateEffect
from include.sandbox.server import Sandbox
from include.settings import catalogue
from include.settings.tenant import Tenant
from include.transport import HttpClient

TODAY = date(2026, 11, 21)
TENANTS = Path(demo.__file__).parents[1] / "tenants"
ACTOR = Actor("expenses__pacific_studio", "run-1", "load", 0, 1)


class House:
    """One tenant over a ledger of its own."""

    def __init__(self, box: Sandbox, ledger: Ledger) -> None:
        self.box = box
        self.ledger = ledger
        self.site = box.service(Acumatica)
        self.tenant: Tenant = catalogue.load("pacific_studio", TENANTS)
        self.scope = Scope(self.tenant.name, "acumatica://test/pacific", self.tenant.names)
        self.ahead = timedelta()
        self.keys_ = MultiFernet([Fernet(Fernet.generate_key())])

    def open(self, **changes: object) -> AcumaticaErp:
        known = self.tenant.erp
        assert isinstance(known, AcumaticaSettings)
        return AcumaticaErp(
            self.box.url,
            Credentials(
                "expensify", "integration", "5EB4C2F0-7A1D-4C66-9E7B-0C5A7F2B11D4@Pacific", "pacific-client-secret"
            ),
            settings=known.model_copy(update={"release_poll_s": 0.01, **changes}),
            tokens=LedgerTokens(self.ledger, self.keys_),
            budget=Budget(self.ledger, "acumatica", [Limit(400, 60)]),
            connection="acumatica_pacific",
            request_timeout_s=2,
        )

    def prepare(self) -> list[str]:
        """Extract, transform and validate; the keys of all journals."""
        file = io.BytesIO()
        budget = Budget(self.ledger, "expensify", [Limit(100, 10)])
        ids = [identity for identity in self.box.expensify.reports if identity.startswith("R00PACI")]
        with ExpensifyClient(HttpClient(self.box.url), "aa_pacific", "pacific-secret", budget) as client:
            extract(client, queries_for_reports(ids, self.tenant.expensify.policies), file, {"run_id": "run-1"})
        reading = reading_of(file.getvalue().splitlines(keepends=True), self.tenant, window=None, named=ids)
        claimed = claims.claim(self.ledger, self.scope, self.tenant, reading, TODAY, ACTOR, None)
        with self.open() as erp:
            checking.check(self.ledger, self.scope, self.tenant, claimed.fresh, erp, ACTOR)
        return sorted(claimed.fresh)

    def post(self, key: str, *, settle_s: float = 0, **changes: object) -> Journal:
        """One task of its own."""
        with self.open(**changes) as erp:
            poster = Poster(
                self.ledger,
                self.scope,
                lambda: erp,
                request_timeout_s=2,
                settle_s=settle_s,
                actor=ACTOR,
                clock=self.clock,
            )
            poster.post(key)
        return self.journal(key)

    def clock(self) -> datetime:
        return utc_now() + self.ahead

    def journal(self, key: str) -> Journal:
        with self.ledger.read() as connection:
            return journals.fetch(connection, self.scope, [key])[key]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with Sandbox(Acumatica(base_path="/AcumaticaERP")) as box, Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        demo.seed(box, TODAY)
        ledger.create_if_missing()
        yield House(box, ledger)


def documents(house: House) -> dict[str, tuple[str, str, str, str]]:
    """(entity, total, vendor, status) by reference: a bill's vendor reference, a journal's header up to the colon."""
    with house.box.lock:
        rows = house.site.documents()
    found = {}
    for row in rows:
        reference = str(row["reference"]).removeprefix("Expensify ").partition(":")[0]
        assert reference not in found
        found[reference] = (str(row["entity"]), str(row["total"]), str(row["vendor"]), str(row["status"]))
    return found


EXPECTED = {
    # 318.40 + 452.00 + 23.45; the props went by card.
    "R00PACI002": ("Bill", "793.85", "EP00000101", "Balanced"),
    "R00PACI002-C": ("Journal", "79.99", "", "Balanced"),
    "R00PACI003": ("Bill", "199.00", "EP00000102", "Balanced"),
    # -124.50 + 32.17
    "R00PACI004": ("Debit Adj.", "92.33", "EP00000103", "Balanced"),
    "R00PACI005-C": ("Journal", "54", "", "Balanced"),
    "R00PACI006": ("Bill", "85.00", "EP00000103", "Balanced"),
    # Expensify has paid it: a journal against the clearing account.
    "R00PACI007": ("Journal", "43.1", "", "Balanced"),
}


def test_the_demo_posts_everything_once_but_what_is_rightly_held(house: House) -> None:
    keys = house.prepare()
    states = {key: house.journal(key).state for key in keys}
    assert states == {**dict.fromkeys(EXPECTED, "ready"), "R00PACI001": "held"}
    (reason,) = house.journal("R00PACI001").reasons
    assert reason.code == "employee_missing"
    with pytest.raises(Held, match=r"june\.park"):
        house.post("R00PACI001")
    for _ in range(2):
        for key in EXPECTED:
            assert house.post(key).state == "posted"
    assert documents(house) == EXPECTED
    # All those tasks are one sign-in and one session.
    assert house.site.doors.grants == ["password"]
    assert house.site.doors.seated == 1


def test_a_line_per_expense_keeps_team_project_and_task(house: House) -> None:
    house.prepare()
    house.post("R00PACI002")
    lines = house.site.books.bills[0].details["Details"]
    assert sorted(
        (
            line.text("Account"),
            line.text("Subaccount"),
            line.text("Project"),
            line.text("ProjectTask"),
            line.cents("Amount"),
        )
        for line in lines
    ) == [
        ("62100", "100200", "HARBOR", "EXPENSES", 2345),
        ("62200", "100200", "HARBOR", "EXPENSES", 31840),
        ("62300", "100200", "HARBOR", "EXPENSES", 45200),
    ]


@pytest.mark.parametrize("late", [False, True], ids=["answer lost", "late effect"])
def test_a_lost_answer_is_looked_up_and_never_posted_twice(house: House, late: bool) -> None:
    house.prepare()
    action = LateEffect(0.3) if late else Drop()
    house.box.faults.add(Fault("acumatica", "PUT Bill", action, when="before" if late else "after"))
    with pytest.raises(UnknownOutcome):
        house.post("R00PACI003", settle_s=30)
    # The lease keeps the next try away.
    with pytest.raises(Retryable, match="earlier try"):
        house.post("R00PACI003", settle_s=30)
    house.ahead += timedelta(seconds=40)
    end = time.monotonic() + 5
    while not house.site.books.bills and time.monotonic() < end:
        time.sleep(0.02)
    assert house.post("R00PACI003", settle_s=30).document_number == "002041"
    assert len(house.site.books.bills) == 1


def test_a_remapped_vendor_does_not_hide_the_bill(house: House) -> None:
    house.prepare()
    house.box.faults.add(Fault("acumatica", "PUT Bill", Drop(), when="after"))
    with pytest.raises(UnknownOutcome):
        house.post("R00PACI003")
    house.ahead += timedelta(seconds=40)
    house.site.books.bills[0].fields["Vendor"] = "EP00000101"
    assert house.post("R00PACI003").state == "posted"
    assert len(house.site.books.bills) == 1


def test_a_failed_release_leaves_the_bill_posted_and_only_that_is_tried_again(house: House) -> None:
    house.prepare()
    house.site.release_failure = "The batch cannot be generated."
    with pytest.raises(Retryable, match="batch cannot be generated"):
        house.post("R00PACI003", release=True)
    assert (house.journal("R00PACI003").state, house.journal("R00PACI003").document_number) == ("posted", "002041")
    house.site.release_failure = ""
    assert house.post("R00PACI003", release=True).erp_status == "Open"
    assert house.box.operations("acumatica").count("PUT Bill") == 1


def test_a_token_revoked_in_the_middle_of_a_run_costs_nothing(house: House) -> None:
    house.prepare()
    house.post("R00PACI003")
    with house.box.lock:
        house.site.doors.revoke_all()
    house.post("R00PACI006")
    assert set(documents(house)) == {"R00PACI003", "R00PACI006"}
    assert house.site.doors.grants == ["password", "password"]


def test_a_closed_period_holds(house: House) -> None:
    house.site.books.set_period("112026")
    keys = house.prepare()
    # The server itself would only have warned.
    assert not house.site.books.preferences.restrict_closed_periods
    assert {house.journal(key).state for key in keys} == {"held"}
    assert house.journal("R00PACI003").reasons[0].code == "period_closed"


def test_a_period_closed_after_the_check_stops_the_journal_unsent(house: House) -> None:
    house.prepare()
    house.site.books.set_period("112026")
    with pytest.raises(Rejected, match="The financial period 11-2026"):
        house.post("R00PACI003", period_recheck_s=0)
    assert house.journal("R00PACI003").state == "rejected"
    assert house.site.books.bills == []


def together(number: int, work: Callable[[int], object]) -> list[object]:
    """The results of so many threads that begin at the same moment."""
    gate = threading.Barrier(number)

    def begin(at: int) -> object:
        gate.wait()
        return work(at)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(begin, range(number)))


def test_tasks_that_begin_together_sign_in_once_and_refresh_once(house: House) -> None:
    def ask(at: int) -> object:
        with house.open() as erp:
            return erp.reference.accounts().until is not None

    assert together(8, ask) == [True] * 8
    assert house.site.doors.grants == ["password"]
    with house.box.lock:
        house.site.doors.revoke_access()
    assert together(8, ask) == [True] * 8
    assert house.site.doors.grants == ["password", "refresh_token"]
    assert house.site.doors.seated == 1


def test_two_tasks_with_one_journal_post_it_once(house: House) -> None:
    house.prepare()

    def post(at: int) -> object:
        try:
            return house.post("R00PACI003", settle_s=30).state
        except Retryable as error:
            return type(error).__name__

    results = together(4, post)
    assert results.count("posted") >= 1
    assert set(results) <= {"posted", "LeaseRunning"}
    assert len(house.site.books.bills) == 1
