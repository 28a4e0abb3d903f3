from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from include.erps.acumatica.client import AcumaticaErp
from include.erps.acumatica.reference import Employee, GlAccount
from include.errors import LookupFailed
from include.sandbox.acumatica import Books
from include.sandbox.faults import Fault, Replace
from include.sandbox.server import Sandbox

Connect = Callable[..., AcumaticaErp]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def stamp(books: Books, entity: str, moment: datetime, **keys: str) -> None:
    books.get(entity, **keys).fields["LastModifiedDateTime"] = moment


def test_employees_come_with_their_manager_and_nothing_is_invented(connect: Connect, books: Books) -> None:
    books.add_employee("EP0002", "Lee Novak", None, "Inactive", "EP0001")
    assert connect().reference.employees().rows == (
        Employee("EP0001", "Dana Ortiz", "Dana@contoso.example", None, "ADMIN", True, "Dana", "Ortiz"),
        Employee("EP0002", "Lee Novak", None, "EP0001", "ADMIN", False, "Lee", "Novak"),
    )


def test_names_that_are_not_entered_stay_empty_and_a_person_reads_the_display_name(
    connect: Connect, books: Books
) -> None:
    books.get("Employee", EmployeeID="EP0001").linked["ContactInfo"].fields.update(FirstName=None, LastName=None)
    (dana,) = connect().changed_employees(None)
    assert (dana.first_name, dana.last_name, dana.name) == (None, None, "Dana Ortiz")


def test_accounts_of_every_state_are_read_page_by_page(connect: Connect, books: Books, box: Sandbox) -> None:
    books.add_account("62200", "Old", active=False)
    assert connect(page_size=2).reference.accounts().rows == (
        GlAccount("20100", "Card payable", "Liability", True),
        GlAccount("62000", "Travel", "Expense", True),
        GlAccount("62100", "Meals", "Expense", True),
        GlAccount("62200", "Old", "Expense", False),
    )
    assert box.operations("acumatica").count("GET Account") == 3


def test_only_what_changed_is_read_with_an_overlap(connect: Connect, books: Books) -> None:
    stamp(books, "Account", NOON - timedelta(minutes=6), AccountCD="62000")
    stamp(books, "Account", NOON - timedelta(minutes=5), AccountCD="62100")
    stamp(books, "Account", NOON + timedelta(seconds=1), AccountCD="20100")
    changes = connect().reference.accounts(NOON)
    assert [row.code for row in changes.rows] == ["20100", "62100"]
    assert changes.until == NOON + timedelta(seconds=1)


def test_a_quiet_time_keeps_the_stamp(connect: Connect, books: Books) -> None:
    books.rows["Employee"] = []
    assert connect().reference.employees(NOON).until == NOON
    assert connect().reference.employees().until is None


def test_a_time_of_another_zone_is_the_same_moment(connect: Connect, books: Books) -> None:
    stamp(books, "Employee", NOON, EmployeeID="EP0001")
    west = NOON.astimezone(datetime.fromisoformat("2026-11-20T00:00:00-08:00").tzinfo) + timedelta(minutes=5)
    assert len(connect().reference.employees(west).rows) == 1
    assert len(connect().reference.employees(west + timedelta(seconds=1)).rows) == 0


def test_a_row_without_a_stamp_is_no_answer(connect: Connect, box: Sandbox) -> None:
    body = '[{"id":"1","AccountCD":{"value":"1"},"LastModifiedDateTime":{}}]'
    box.faults.add(Fault("acumatica", "GET Account", Replace(body), when="after"))
    with pytest.raises(LookupFailed, match="time of change"):
        connect().reference.accounts()
