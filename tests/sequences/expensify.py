"""What people do in Expensify: approve, edit, take back, delete, move, approve again."""

from __future__ import annotations

from datetime import date, timedelta

from tests.e2e.erps.under_test import Json
from tests.e2e.reports import Expense, report
from tests.sequences.world import POLICY, World

CATEGORIES = ("Meals", "Meals", "Airfare", "Airfare", "Client Gifts")


class People:
    """Each method changes something there, or nothing where there is nothing to change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        self.server = world.sandbox.expensify

    @property
    def reports(self) -> dict[str, Json]:
        return self.server.reports

    def _line(self) -> Expense:
        cents = self.random.choice([100, 1250, 99, 48_817, 733, -250])
        plant = self.random.choice(["Plant 1", "Plant 1", "Plant 2"])
        return Expense(self.random.choice(CATEGORIES), cents, plant, card=self.random.random() < 0.25)

    def _made(self, identity: str, day: date, lines: list[Expense], status: str = "Approved") -> Json:
        made = report(identity, POLICY, day, lines, status)
        for item in made["transactionList"]:
            self.world.expenses += 1
            # Counted per world, so that a seed always tells the same story.
            item["transactionID"] = str(4_056_343_049_900_000_000 + self.world.expenses)
        return made

    def any(self, *statuses: str) -> Json | None:
        found = [item for _, item in sorted(self.reports.items()) if item["status"] in statuses]
        return self.random.choice(found) if found else None

    @staticmethod
    def _total(item: Json) -> None:
        item["total"] = sum(line["amount"] for line in item["transactionList"])

    def approve(self) -> str:
        return self._approve(self.world.day(self.random.randrange(1, 4)))

    def approve_late(self) -> str:
        """Its day's window has run long ago."""
        return self._approve(self.world.day(self.random.randrange(3, 6)))

    def _approve(self, day: date) -> str:
        self.world.reports += 1
        identity = f"RT1N{self.world.reports}"
        lines = [self._line() for _ in range(self.random.randrange(1, 4))]
        with self.world.sandbox.lock:
            self.server.add_report(self._made(identity, day, lines))
        return f"{identity} is approved"

    def edit(self) -> str:
        item = self.any("Approved")
        if item is None:
            return "nothing to edit"
        with self.world.sandbox.lock:
            lines = item["transactionList"]
            match self.random.randrange(4):
                case 0:
                    lines += self._made(item["reportID"], self.world.day(1), [self._line()])["transactionList"]
                case 1 if lines:
                    lines.pop()
                case 2 if lines:
                    lines[0]["category"] = "Meals"
                case _ if lines:
                    lines[0]["amount"] += 17
            self._total(item)
        return f"{item['reportID']} is edited"

    def take_back(self) -> str:
        item = self.any("Approved")
        if item is None:
            return "nothing to take back"
        with self.world.sandbox.lock:
            item["status"] = "Open"
        return f"{item['reportID']} is open again"

    def approve_again(self) -> str:
        """With other lines now and then, and on another day."""
        item = self.any("Open")
        if item is None:
            return "nothing to approve again"
        with self.world.sandbox.lock:
            if self.random.random() < 0.5:
                more = self._made(item["reportID"], self.world.day(1), [self._line()])
                item["transactionList"] += more["transactionList"]
            if self.random.random() < 0.5:
                item["approved"] = f"{self.world.day(self.random.randrange(1, 3))} 15:30:00"
            item["status"] = "Approved"
            self._total(item)
        return f"{item['reportID']} is approved again"

    def delete(self) -> str:
        item = self.any("Approved", "Open")
        if item is None:
            return "nothing to delete"
        with self.world.sandbox.lock:
            del self.reports[item["reportID"]]
        return f"{item['reportID']} is deleted"

    def reimburse(self) -> str:
        item = self.any("Approved")
        if item is None:
            return "nothing to reimburse"
        with self.world.sandbox.lock:
            item["status"] = "Reimbursed"
        return f"{item['reportID']} is reimbursed"

    def move(self) -> str:
        source, sink = self.any("Approved", "Open"), self.any("Approved", "Open")
        if source is None or sink is None or source is sink or not source["transactionList"]:
            return "nothing to move"
        with self.world.sandbox.lock:
            line = source["transactionList"].pop()
            line["reportID"] = sink["reportID"]
            sink["transactionList"].append(line)
            self._total(source)
            self._total(sink)
        return f"an expense of {source['reportID']} moves to {sink['reportID']}"

    def before_the_start(self) -> str:
        return self._approve(self.world.day(9) - timedelta(days=1))
