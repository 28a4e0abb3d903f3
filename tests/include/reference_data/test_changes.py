"""The difference between an ERP's reference data and a policy, person by person and name by name."""

from __future__ import annotations

from typing import Any

import pytest

from include.reference_data.categories import category_changes
from include.reference_data.changes import Change
from include.reference_data.employees import employee_changes, refused
from include.reference_data.source import CostCenter, Employee
from include.reference_data.tags import tag_changes

BOSS = {"B1": "boss@x.example"}


def employee(number: str, email: str | None, *, manager: str | None = "B1", active: bool = True) -> Employee:
    return Employee(number, email, "Ann", "Lee", manager, active)


def found(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.action, change.subject) for change in changes]


def differences(
    employees: list[Employee], members: list[dict[str, Any]], *, complete: bool = True, allow_removal: bool = False
) -> list[Change]:
    return employee_changes("P1", employees, BOSS, members, complete=complete, allow_removal=allow_removal)


MEMBER = {"email": "ann@x.example", "employeeID": "7", "submitsTo": "boss@x.example", "role": "user"}


def test_a_new_employee_is_added_with_manager_and_names() -> None:
    (change,) = differences([employee("7", "Ann@X.example ")], [])
    assert (change.action, change.subject) == ("add", "ann@x.example")
    assert change.record == {
        "employeeEmail": "ann@x.example",
        "managerEmail": "boss@x.example",
        "employeeID": "7",
        "policyID": "P1",
        "firstName": "Ann",
        "lastName": "Lee",
    }


def test_an_equal_member_is_left_alone() -> None:
    assert differences([employee("7", "ann@x.example")], [MEMBER]) == []


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({**MEMBER, "submitsTo": "old@x.example"}, "another manager in the ERP"),
        ({**MEMBER, "employeeID": "8"}, "another employee ID in the ERP"),
        ({**MEMBER, "email": "old@x.example"}, "another e-mail in the ERP"),
    ],
    ids=["manager", "id", "email"],
)
def test_what_differs_is_changed_and_named(member: dict[str, Any], reason: str) -> None:
    (change,) = differences([employee("7", "ann@x.example")], [member])
    assert (change.action, change.reason) == ("change", reason)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (employee("7", None), "Ann Lee has no e-mail in the ERP: enter it there"),
        (employee("7", "ann@x.example", manager=None), "no manager with an e-mail"),
        (employee("7", "ann@x.example", manager="B9"), "no manager with an e-mail"),
    ],
    ids=["no email", "no manager", "unknown manager"],
)
def test_who_cannot_be_sent_is_skipped_with_the_reason(one: Employee, reason: str) -> None:
    (change,) = differences([one], [])
    assert change.action == "skip"
    assert reason in change.reason
    assert not change.is_sent


def test_two_employees_with_one_e_mail_are_both_skipped() -> None:
    changes = differences([employee("7", "ann@x.example"), employee("8", "ANN@x.example")], [])
    assert [change.action for change in changes] == ["skip", "skip"]
    assert "2 employees of the ERP have this e-mail" in changes[0].reason


def test_nobody_is_removed_unless_the_tenant_allows_it() -> None:
    gone = employee("7", "ann@x.example", active=False)
    assert found(differences([gone], [MEMBER])) == [("keep", "ann@x.example")]
    (change,) = differences([gone], [MEMBER], allow_removal=True)
    assert (change.action, change.record["isTerminated"]) == ("remove", True)


def test_a_member_unknown_to_the_erp_counts_only_in_a_complete_comparison() -> None:
    assert found(differences([], [MEMBER], complete=False)) == []
    assert found(differences([], [MEMBER], complete=True, allow_removal=True)) == [("remove", "ann@x.example")]


def test_an_admin_and_a_member_without_employee_id_are_never_removed() -> None:
    members = [{**MEMBER, "role": "admin"}, {"email": "guest@x.example", "role": "user"}]
    assert differences([], members, allow_removal=True) == []


def test_what_expensify_skipped_under_a_success_is_told() -> None:
    sent = differences([employee("7", "ann@x.example")], [])
    answer = {"responseCode": 200, "skippedEmployees": [{"email": "ann@x.example", "reason": "No policy found"}]}
    (change,) = refused(sent, answer)
    assert (change.action, change.reason) == ("skip", "Expensify skipped it: No policy found")


def test_categories_get_codes_that_exist_and_the_others_are_listed() -> None:
    categories: list[dict[str, Any]] = [
        {"name": "Meals", "enabled": True, "glCode": "6000", "maxExpenseAmount": 2500},
        {"name": "Airfare", "enabled": True, "glCode": "6200"},
        {"name": "Gifts", "enabled": True},
        {"name": "Fuel", "enabled": True, "glCode": "9999"},
        {"name": "Old", "enabled": False},
    ]
    changes = category_changes("P1", categories, {"Meals": "6100"}, {"6100", "6200"})
    assert found(changes) == [("skip", "Fuel"), ("skip", "Gifts"), ("change", "Meals")]
    assert changes[2].record == {"name": "Meals", "enabled": True, "glCode": "6100", "maxExpenseAmount": 2500}


TAGS = [
    {"name": "Department", "tags": [{"name": "Plant 1", "enabled": True, "glCode": "P1"}, {"name": "Hand made"}]},
    {"name": "Project", "tags": [{"name": "P-100", "enabled": True}]},
]
CENTERS = [CostCenter("P1", "Plant 1", True), CostCenter("P2", "Plant 2", True), CostCenter("P3", "Plant 3", False)]


def test_tags_are_sent_whole_and_nothing_is_lost() -> None:
    changes, levels = tag_changes("P1", TAGS, CENTERS, 1, allow_removal=False)
    assert found(changes) == [("add", "Plant 2"), ("keep", "Hand made")]
    assert [tag["name"] for tag in levels[0]["tags"]] == ["Hand made", "Plant 1", "Plant 2"]
    assert levels[1] == TAGS[1]


def test_unknown_tags_go_only_where_the_tenant_allows_it() -> None:
    changes, levels = tag_changes("P1", TAGS, CENTERS, 1, allow_removal=True)
    assert found(changes) == [("add", "Plant 2"), ("remove", "Hand made")]
    assert [tag["name"] for tag in levels[0]["tags"]] == ["Plant 1", "Plant 2"]


def test_a_flat_list_of_tags_is_one_level() -> None:
    changes, levels = tag_changes("P1", [{"name": "Plant 1", "glCode": "X"}], CENTERS[:1], 1, allow_removal=False)
    assert found(changes) == [("change", "Plant 1")]
    assert levels == [{"name": "Tag", "tags": [{"name": "Plant 1", "glCode": "P1", "enabled": True}]}]
