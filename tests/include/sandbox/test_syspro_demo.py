"""The demo data and the command line; the mapping is the one that `demo` documents."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from include.sandbox.faults import Drop, Fault
from include.sandbox.server import Sandbox
from include.sandbox.stage import Answer, Stage
from include.sandbox.syspro.demo import POLICY, seed

TODAY = date(2026, 11, 21)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def demo() -> Sandbox:
    sandbox = Sandbox()
    seed(sandbox, TODAY)
    return sandbox


def by_day(sandbox: Sandbox) -> dict[str, list[dict[str, object]]]:
    days: dict[str, list[dict[str, object]]] = {}
    for report in sandbox.expensify.reports.values():
        days.setdefault(str(report["approved"])[:10], []).append(report)
    return days


def test_three_days_of_reports(demo: Sandbox) -> None:
    days = by_day(demo)
    assert {day: len(reports) for day, reports in days.items()} == {
        "2026-11-18": 1,
        "2026-11-19": 6,
        "2026-11-20": 5,
    }
    assert {report["policyID"] for reports in days.values() for report in reports} == {POLICY}


def test_totals_are_the_sums_of_their_lines(demo: Sandbox) -> None:
    for report in demo.expensify.reports.values():
        amounts = [line["convertedAmount"] or line["amount"] for line in report["transactionList"]]
        assert sum(amounts) == report["total"]


def test_only_the_oldest_day_cannot_be_mapped(demo: Sandbox) -> None:
    unmapped = {
        str(report["approved"])[:10]
        for report in demo.expensify.reports.values()
        for line in report["transactionList"]
        if line["category"] == "Client Gifts"
    }
    assert unmapped == {"2026-11-18"}


def test_every_other_line_has_an_account(demo: Sandbox) -> None:
    accounts = demo.syspro.company("EDU1").accounts
    codes = {
        "Meals": "6100",
        "Airfare": "6200",
        "Lodging": "6300",
        "Office Supplies": "6400",
        "Software": "6500",
        "Fuel": "6600",
    }
    plants = {"Plant 1": "P1", "Plant 2": "P2", "Head Office": "HO"}
    used = {
        f"{codes[line['category']]}-{plants[line['ntag1']]}"
        for report in demo.expensify.reports.values()
        for line in report["transactionList"]
        if line["category"] != "Client Gifts"
    }
    assert used <= accounts.keys()
    assert {"2150-00", "2160-00"} <= accounts.keys()
    glcodes = {row["name"]: row["glCode"] for row in demo.expensify.policies[POLICY].categories}
    assert glcodes["Software"] == "6500"
    assert glcodes["Meals"] == glcodes["Client Gifts"] == ""


def test_cards_refunds_and_a_foreign_line_occur(demo: Sandbox) -> None:
    lines = [line for report in demo.expensify.reports.values() for line in report["transactionList"]]
    assert sum(line.get("bank") == "Amex Corp" for line in lines) == 4
    assert all(line["reimbursable"] is not (line.get("bank") == "Amex Corp") for line in lines)
    assert sorted(line["amount"] for line in lines if line["amount"] < 0) == [-9900, -2150]
    assert [(line["amount"], line["convertedAmount"]) for line in lines if line["currency"] == "EUR"] == [
        (24000, 26112)
    ]
    identities = [int(line["transactionID"]) for line in lines]
    assert len(set(identities)) == len(lines)
    assert min(identities) > 2**53


def test_documents_and_health(demo: Sandbox) -> None:
    demo.syspro.company("EDU1").enter_journal([("6100-P1", 1050), ("2150-00", -1050)], day=TODAY, reference="EXP-1")
    with demo:
        health = httpx.get(f"{demo.url}/sandbox/health").json()
        documents = httpx.get(f"{demo.url}/sandbox/documents").json()
        assert httpx.post(f"{demo.url}/sandbox/documents").status_code == 405
    assert health == {"status": "ok", "services": ["expensify", "syspro"]}
    assert len(documents["expensify"]) == 12
    assert documents["syspro"] == [
        {
            "company": "EDU1",
            "journal": "2026/411",
            "period": 11,
            "reference": "EXP-1",
            "date": "2026-11-21",
            "debit": "10.50",
            "entries": 2,
            "source": "GJ",
            "status": "P",
        }
    ]


def test_a_further_service_is_one_class() -> None:
    class Sixth:
        name = "sixth"

        def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
            async def hello(request: web.Request) -> web.StreamResponse:
                return await stage.perform(request, self.name, "hello", "", lambda: Answer(b"hello"))

            return [web.get("/sixth", hello)]

        def documents(self) -> list[dict[str, object]]:
            return [{"number": 1}]

    with Sandbox(Sixth()) as sandbox:
        assert httpx.get(f"{sandbox.url}/sixth").text == "hello"
        assert httpx.get(f"{sandbox.url}/sandbox/documents").json()["sixth"] == [{"number": 1}]
        assert sandbox.service(Sixth).name == "sixth"
        sandbox.faults.add(Fault("sixth", "hello", Drop()))
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{sandbox.url}/sixth")


def test_a_taken_port_is_an_error() -> None:
    with Sandbox() as first, pytest.raises(OSError, match="in use"):
        Sandbox(port=first.port).start()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_line(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "include.sandbox", "--port", "0", "--demo", "--today", "2026-11-21"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"sandbox ready on (http://127\.0\.0\.1:\d+)\n", line)
        assert found is not None
        documents = httpx.get(f"{found[1]}/sandbox/documents").json()
        assert sum(row["report"].startswith("R00MIDW") for row in documents["expensify"]) == 12
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read() == ""
