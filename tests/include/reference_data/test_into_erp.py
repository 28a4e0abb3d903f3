"""What Expensify has and the ERP lacks: gaps are filled, nothing is overwritten, names are never invented."""

from __future__ import annotations

from typing import Any

from include.reference_data.changes import Change
from include.reference_data.into_erp import lacking_cost_centers, lacking_employees
from include.reference_data.source import CostCenter, Employee
from include.reference_data.tags import Level

CENTERS = [CostCenter("100", "Terminal", True), CostCenter("200", "Fleet", False)]


def brief(changes: list[Change]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(change.action, change.subject, change.record) for change in changes]


def test_tags_whose_code_the_erp_lacks_become_cost_centers_once() -> None:
    tags = [
        {"name": "Terminal", "enabled": True, "glCode": "100"},
        {"name": "Old fleet", "enabled": True, "glCode": "200"},  # known, and inactive: the ERP's word counts
        {"name": "Office", "enabled": True, "glCode": ""},  # by the tenant file
        {"name": "Pier", "enabled": True, "glCode": "400"},
        {"name": "Closed", "enabled": False, "glCode": "500"},
        {"name": "Loose", "enabled": True},
    ]
    changes = lacking_cost_centers({"P1": tags, "P2": tags[3:4]}, CENTERS, Level(1, {"Office": "300"}), able=True)
    assert brief(changes) == [
        ("add", "300", {"code": "300", "name": "Office"}),
        ("add", "400", {"code": "400", "name": "Pier"}),
        ("skip", "Loose", {}),
    ]


def test_an_interface_that_cannot_take_them_gives_a_list_for_a_person() -> None:
    (center,) = lacking_cost_centers({"P1": [{"name": "Pier", "glCode": "400"}]}, CENTERS, Level(1), able=False)
    member = {"email": "ann@x.example", "employeeID": "7", "firstName": "Ann", "lastName": "Lee"}
    (person,) = lacking_employees({"P1": [member]}, [], able=False)
    for change in (center, person):
        assert change.action == "skip"
        assert "enter it there by hand" in change.reason


def test_a_member_unknown_to_the_erp_is_created_where_the_name_is_known() -> None:
    members = [
        {"email": "ann@x.example", "employeeID": "7", "firstName": "Ann", "lastName": "Lee"},
        {"email": "joe@x.example", "employeeID": "8"},
        {"email": "guest@x.example"},
    ]
    assert brief(lacking_employees({"P1": members, "P2": members}, [], able=True)) == [
        ("add", "7", {"email": "ann@x.example", "first_name": "Ann", "last_name": "Lee"}),
        ("skip", "8", {}),
    ]


def test_a_missing_e_mail_is_filled_in_and_a_present_one_never_touched() -> None:
    members = [
        {"email": "ann@x.example", "employeeID": "acke1"},
        {"email": "bob@x.example", "employeeID": "BOB1"},
        {"email": "eve@x.example", "employeeID": "EVE1"},
    ]
    everybody = [
        Employee("ACKE1", None, "Ann", "Lee", None, True),
        Employee("BOB1", "robert@x.example", "Bob", "Fu", None, True),
        Employee("EVE1", None, "Eve", "Ho", None, False),
    ]
    assert brief(lacking_employees({"P1": members}, everybody, able=True)) == [
        ("change", "acke1", {"email": "ann@x.example"})
    ]


def test_who_the_erp_knows_by_e_mail_under_another_id_is_not_made_twice() -> None:
    members = [{"email": "ann@x.example", "employeeID": "501", "firstName": "Ann", "lastName": "Lee"}]
    assert lacking_employees({"P1": members}, [Employee("7", "Ann@x.example", "A", "L", None, True)], able=True) == []
