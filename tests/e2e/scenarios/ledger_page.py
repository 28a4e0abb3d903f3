"""Finance at work: a person in a real browser finds what is held, repairs it, and sees it posted."""

from __future__ import annotations

import re
from typing import Any

from tests.e2e.chromium import Console, browser_page, log_in
from tests.e2e.reports import Expense, meals
from tests.e2e.suite import Play, Scene, scenario
from tests.e2e.tenants import day, key

READ_IDS = "text => import('/expense-ledger/static/settle.js').then(module => module.reportIds(text))"


def choose(frame: Any, tenant: str) -> None:
    """Filter by a tenant, and wait for the page that the server made for it."""
    frame.get_by_label("Tenant").select_option(tenant)
    frame.get_by_role("button", name="Apply").click()
    frame.locator(f"option[value='{tenant}'][selected]").wait_for(state="attached")


@scenario
def a_person_closes_one_held_journal_and_replays_another_on_the_ledger_page(scene: Scene) -> Play:
    tenant = scene.tenant()
    tenant.report(4, Expense("Personal", 9900))
    tenant.report(3, Expense("Client Gifts", 18400), meals(16))
    yield
    run = tenant.red(tenant.trigger())
    assert tenant.states() == {key(4): "held", key(3): "held"}
    console = Console()
    with browser_page(console) as page:
        log_in(page, scene.airflow)
        page.get_by_role("link", name="Ledger").click()
        frame = page.frame_locator("iframe[title='Ledger']")

        frame.get_by_role("link", name="Journals", exact=True).click()
        frame.get_by_label("Held", exact=True).check()
        choose(frame, tenant.name)
        frame.get_by_role("link", name=key(4), exact=True).click()
        frame.get_by_text("Personal").first.wait_for()
        frame.get_by_role("button", name="Close", exact=True).click()
        assert frame.get_by_role("dialog").count() == 0, "not without a reason"
        frame.get_by_label("Reason (mandatory)").fill("a private purchase, taken back")
        frame.get_by_role("button", name="Close", exact=True).click()
        frame.get_by_role("dialog").get_by_role("button", name="Close", exact=True).click()
        frame.get_by_text("Done.", exact=True).wait_for()
        frame.get_by_role("dialog").get_by_role("button", name="Close").click()
        frame.get_by_text("a private purchase, taken back").wait_for()
        assert tenant.states()[key(4)] == "closed"
        [event] = tenant.rows("event", "journal_key = ? AND to_state = 'closed'", [key(4)])
        assert event["who"] == scene.airflow.username

        frame.get_by_role("link", name="Held", exact=True).click()
        choose(frame, tenant.name)
        held = frame.get_by_role("row").filter(has_text="Client Gifts")
        assert "184.00 USD" in held.inner_text()
        tenant.map_category("Client Gifts", "6700")
        held.get_by_role("button", name="Replay").click()
        frame.get_by_role("dialog").get_by_role("button", name="Replay").click()
        scene.suite.watch.forget(tenant.dag_id, run)
        frame.get_by_text(re.compile(f"{key(3)}: posted as ")).wait_for()
        frame.get_by_role("dialog").get_by_role("button", name="Close").click()
        frame.get_by_text("Nothing is held").wait_for()

        for tab, heading in [
            ("Expenses", "Where is this expense?"),
            ("Findings", "Findings"),
            ("Cut-over", "Reports that are never to be posted"),
            ("Overview", "All tenants"),
        ]:
            frame.get_by_role("link", name=tab, exact=True).click()
            frame.get_by_role("heading", name=heading, exact=True).wait_for()

        pasted = page.evaluate(READ_IDS, 'reportID,name\n"R1",Trip\n R2 ;x\n\nR1\n<b>,no\n')
        assert pasted == ["R1", "R2"]

        frame.get_by_role("link", name="Journals", exact=True).click()
        frame.get_by_label("Posting date from").fill(str(day(3)))
        choose(frame, tenant.name)
        frame.get_by_role("link", name=key(3), exact=True).click()
        # Out of the sandboxed frame, into Airflow's own page of the task instance.
        frame.get_by_role("link", name=re.compile(r"^load \[1\], try 2")).first.click()
        page.wait_for_url(re.compile(rf"/dags/{tenant.dag_id}/runs/{run}/tasks/load/mapped/1"))
    assert console.of("/expense-ledger") == []
    tenant.green(run)
    assert tenant.posted() == {key(3): 18416}
