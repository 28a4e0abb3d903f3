"""The difference between an ERP's reference data and a policy, person by person and name by name."""

from __future__ import annotations

from typing import Any

import pytest

from include.reference_data.categories import category_changes
from include.reference_data.changes import Change, counted, report
from include.reference_data.employees import Rules, concerned, employee_changes, refused
from include.reference_data.source import CostCenter, Employee
from include.reference_data.tags import Level, tag_changes


def employee(number: str, email: str | None, *, manager: str | None = "B1", active: bool = True) -> Employee:
    return Employee(number, email, "Ann", "Lee", manager, active)


def found(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.action, change.subject) for change in changes]


BOSS = Employee("B1", "boss@x.example", "Bo", "Ss", None, True)
BOSS_MEMBER = {"email": "boss@x.example", "employeeID": "B1", "submitsTo": "owner@x.example", "role": "admin"}
MEMBER = {"email": "ann@x.example", "employeeID": "7", "submitsTo": "boss@x.example", "role": "user"}


def differences(
    employees: list[Employee], members: list[dict[str, Any]], only: frozenset[str] | None = None, **rules: Any
) -> list[Change]:
    """Beside the boss, whom both sides know and who equals."""
    return employee_changes("P1", [BOSS, *employees], [BOSS_MEMBER, *members], Rules(**rules), only)


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
        ({**MEMBER, "submitsTo": "old@x.example"}, "manager old@x.example becomes boss@x.example"),
        ({**MEMBER, "employeeID": "8"}, "employee ID 8 becomes 7"),
        ({**MEMBER, "employeeID": ""}, "employee ID missing becomes 7"),
        ({**MEMBER, "email": "old@x.example"}, "e-mail old@x.example becomes ann@x.example"),
    ],
    ids=["manager", "id", "no id", "email"],
)
def test_what_differs_is_changed_and_named(member: dict[str, Any], reason: str) -> None:
    (change,) = differences([employee("7", "ann@x.example")], [member])
    assert (change.action, change.reason) == ("change", reason)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (employee("7", None), "Ann Lee has no e-mail in the ERP: enter it there"),
        (employee("7", "ann@x.example", manager=None), "names no manager of Ann Lee"),
        (employee("7", "ann@x.example", manager="B9"), "manager B9 is not in the ERP's list of employees"),
        (employee("7", "ann@x.example", manager="B2"), "manager B2 (Ina Ctive) is inactive in the ERP"),
        (employee("7", "ann@x.example", manager="B3"), "manager B3 (No Mail) has no e-mail in the ERP"),
    ],
    ids=["no email", "no manager", "unknown manager", "inactive manager", "manager without e-mail"],
)
def test_who_cannot_be_sent_is_skipped_with_the_reason(one: Employee, reason: str) -> None:
    others = [
        Employee("B2", "ina@x.example", "Ina", "Ctive", "B1", False),
        Employee("B3", " ", "No", "Mail", "B1", True),
    ]
    (change,) = differences([one, *others], [], only=frozenset({"7"}))
    assert change.action == "skip"
    assert reason in change.reason
    assert not change.is_sent


def test_a_member_whose_e_mail_the_erp_lacks_is_told_with_the_address_that_expensify_knows() -> None:
    (change,) = differences([employee("7", None)], [MEMBER])
    assert found([change]) == [("skip", "7")]
    assert "Expensify knows ann@x.example" in change.reason


def test_where_the_interface_tells_no_e_mails_only_newcomers_are_told() -> None:
    known = Employee("7", None, "Ann", "Lee", None, True, tells_email=False)
    new = Employee("8", None, "Joe", "Kim", None, True, tells_email=False)
    (change,) = differences([known, new], [MEMBER])
    assert found([change]) == [("skip", "8")]
    assert "add the person in Expensify, with the employee ID 8" in change.reason


def test_who_has_no_manager_in_the_erp_keeps_the_present_one_or_gets_the_default() -> None:
    nobody = employee("7", "ann@x.example", manager=None)
    assert differences([nobody], [{**MEMBER, "submitsTo": "chosen@x.example"}]) == []
    (change,) = differences([nobody], [], default_manager="Desk@x.example")
    assert (change.action, change.record["managerEmail"]) == ("add", "desk@x.example")


def test_two_employees_with_one_e_mail_are_not_sent_and_told_once() -> None:
    changes = differences([employee("7", "ann@x.example"), employee("8", "ANN@x.example")], [])
    assert [(change.action, change.subject, change.reason) for change in changes] == [
        ("skip", "ann@x.example", "2 employees of the ERP have this e-mail (7, 8): correct all but one there")
    ]


def test_an_id_that_the_erp_lists_twice_is_not_sent() -> None:
    changes = differences([employee("7", "ann@x.example"), employee("7", "joe@x.example")], [])
    assert found(changes) == [("skip", "7"), ("skip", "7")]


def test_two_accounts_never_become_one() -> None:
    members = [{**MEMBER, "employeeID": "8"}, {**MEMBER, "email": "bob@x.example"}]
    (change,) = differences([employee("7", "ann@x.example")], members, only=frozenset({"7"}))
    assert found([change]) == [("skip", "ann@x.example")]
    assert "Expensify has the employee ID 7 at bob@x.example" in change.reason


def test_nobody_is_removed_unless_the_tenant_allows_it() -> None:
    gone = employee("7", "ann@x.example", active=False)
    assert found(differences([gone], [MEMBER])) == [("keep", "ann@x.example")]
    (change,) = differences([gone], [MEMBER], allow_removal=True)
    assert (change.action, change.record["isTerminated"]) == ("remove", True)


def test_the_record_of_a_removal_has_an_id_also_where_expensify_has_none() -> None:
    gone = employee("7", "ann@x.example", active=False)
    (change,) = differences([gone], [{**MEMBER, "employeeID": ""}], allow_removal=True)
    assert change.record["employeeID"] == "7"


def test_who_came_back_under_a_new_id_is_not_removed_for_the_old_one() -> None:
    old, new = employee("7", "ann@x.example", active=False), employee("9", "ann@x.example")
    assert found(differences([old, new], [{**MEMBER, "employeeID": "9"}], allow_removal=True)) == []


def test_a_member_unknown_to_the_erp_counts_only_in_a_complete_comparison() -> None:
    assert differences([], [MEMBER], only=frozenset(), allow_removal=True) == []
    assert found(differences([], [MEMBER], allow_removal=True)) == [("remove", "ann@x.example")]


def test_an_admin_and_a_member_without_employee_id_are_never_removed() -> None:
    members = [{**MEMBER, "role": "admin"}, {"email": "guest@x.example", "role": "user"}]
    assert differences([], members, allow_removal=True) == []
    gone = employee("7", "ann@x.example", active=False)
    (change,) = differences([gone], [{**MEMBER, "role": "admin"}], allow_removal=True)
    assert (change.action, change.reason) == (
        "keep",
        "Ann Lee is inactive in the ERP; an admin of the policy is removed by hand only",
    )


def test_an_erp_that_shows_nobody_removes_nobody() -> None:
    (change,) = employee_changes("P1", [], [MEMBER], Rules(allow_removal=True))
    assert change.action == "keep"
    assert "shows no active employee at all" in change.reason


def test_a_change_concerns_reports_namesakes_and_who_was_stuck() -> None:
    changed = Employee("2", "lee@x.example", "Lee", "Fu", "B1", True)
    everybody = [
        BOSS,
        changed,
        employee("3", "joe@x.example", manager="2"),
        employee("4", "LEE@x.example"),
        employee("5", "stuck@x.example"),
        employee("EP6", None),
        employee("7", "ann@x.example"),
    ]
    assert concerned([changed], everybody, {"stuck@x.example", "EP6"}) == {"2", "3", "4", "5", "EP6"}
    assert concerned([], everybody, frozenset()) == frozenset()


def test_what_expensify_skipped_under_a_success_is_told() -> None:
    sent = differences([employee("7", "ann@x.example")], [])
    answer = {"responseCode": 200, "skippedEmployees": [{"email": "Ann@x.example", "reason": "No policy found"}]}
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
FIRST = Level(1)


def test_tags_are_sent_whole_and_nothing_is_lost() -> None:
    changes, levels = tag_changes("P1", TAGS, CENTERS, FIRST, allow_removal=False)
    assert found(changes) == [("keep", "Hand made"), ("add", "Plant 2")]
    assert [tag["name"] for tag in levels[0]["tags"]] == ["Hand made", "Plant 1", "Plant 2"]
    assert levels[1] == TAGS[1]


def test_unknown_tags_go_only_where_the_tenant_allows_it() -> None:
    changes, levels = tag_changes("P1", TAGS, CENTERS, FIRST, allow_removal=True)
    assert found(changes) == [("remove", "Hand made"), ("add", "Plant 2")]
    assert [tag["name"] for tag in levels[0]["tags"]] == ["Plant 1", "Plant 2"]


def test_an_erp_that_shows_no_cost_center_removes_no_tag() -> None:
    changes, levels = tag_changes("P1", TAGS, [], FIRST, allow_removal=True)
    assert found(changes) == [("keep", "Hand made"), ("keep", "Plant 1")]
    assert len(levels[0]["tags"]) == 2


def test_a_flat_list_of_tags_is_one_level() -> None:
    changes, levels = tag_changes("P1", [{"name": "Plant 1", "glCode": "X"}], CENTERS[:1], FIRST, allow_removal=False)
    assert found(changes) == [("change", "Plant 1")]
    assert levels == [{"name": "Tag", "tags": [{"name": "Plant 1", "glCode": "P1", "enabled": True}]}]


def test_a_tag_that_the_tenant_file_maps_is_its_cost_center_and_gets_the_code() -> None:
    tags = [{"name": "Terminal", "enabled": True, "glCode": ""}]
    changes, levels = tag_changes(
        "P1", tags, [CostCenter("100", "", True)], Level(1, {"Terminal": "100"}), allow_removal=True
    )
    assert [(one.action, one.reason) for one in changes] == [("change", "its code missing becomes 100")]
    assert levels[0]["tags"] == [{"name": "Terminal", "enabled": True, "glCode": "100"}]


def test_a_cost_center_renamed_in_the_erp_keeps_its_tag() -> None:
    tags = [{"name": "Old name", "enabled": True, "glCode": "P1"}]
    assert tag_changes("P1", tags, CENTERS[:1], FIRST, allow_removal=True)[0] == []


def test_a_switched_off_tag_of_an_active_cost_center_is_switched_on_and_others_stay_off() -> None:
    tags = [{"name": "Plant 1", "enabled": False, "glCode": "P1"}, {"name": "Gone", "enabled": False}]
    changes, levels = tag_changes("P1", tags, CENTERS[:1], FIRST, allow_removal=True)
    assert found(changes) == [("change", "Plant 1")]
    assert levels[0]["tags"][0] == {"name": "Gone", "enabled": False}


def test_cost_centers_of_one_name_are_told_and_none_is_lost() -> None:
    twins = [CostCenter("A", "Sales", True), CostCenter("B", "Sales", True)]
    changes, levels = tag_changes("P1", [], twins, FIRST, allow_removal=False)
    assert found(changes) == [("skip", "A"), ("skip", "B")]
    assert levels[0]["tags"] == []


def test_a_cost_center_never_takes_the_tag_of_another() -> None:
    tags = [{"name": "Sales", "enabled": True, "glCode": "A"}]
    centers = [CostCenter("A", "Sales West", True), CostCenter("B", "Sales", True)]
    changes, levels = tag_changes("P1", tags, centers, FIRST, allow_removal=False)
    assert found(changes) == [("skip", "B")]
    assert levels[0]["tags"] == tags


def test_a_report_begins_with_what_it_comes_to_and_then_what_needs_a_person() -> None:
    changes = [
        Change("employee", "add", "P1", "ann@x.example", "Ann Lee is active in the ERP", {"x": 1}),
        Change("tag", "keep", "P1", "Hand made", "unknown to the ERP"),
        *(Change("category", "skip", "P1", f"C{n:03d}", "no account") for n in range(120)),
    ]
    lines = report(changes, dry_run=True)
    assert lines[0] == (
        "120 cannot be sent; correct what each line says; 1 would be sent (dry run: nothing is); "
        "1 stay although the ERP does not have them."
    )
    assert lines[2] == "skip category C000 (policy P1): no account"
    assert lines[102] == "... and 20 more: the ledger's table reference_change has all of this run"
    assert lines[104] == "add employee ann@x.example (policy P1): Ann Lee is active in the ERP"
    assert report([], dry_run=False) == ["No difference: nothing to do."]
    assert counted(changes) == {"category skip": 120, "employee add": 1, "tag keep": 1}
