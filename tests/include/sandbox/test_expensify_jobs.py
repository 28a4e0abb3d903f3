"""Credentials, the request budget, `get` and `update` jobs."""

import json

import httpx
import pytest

from include.sandbox.expensify import Policy, RateLimits
from include.sandbox.server import Sandbox
from tests.include.sandbox.raw_clients import ExpensifyCaller

LIST = {"type": "get", "inputSettings": {"type": "policyList"}}


def policy_job(policies: object = ("A1",), fields: object = ("categories",)) -> dict[str, object]:
    listed = {"policyIDList": list(policies) if isinstance(policies, tuple) else policies}
    return {
        "type": "get",
        "inputSettings": {
            "type": "policy",
            **listed,
            "fields": list(fields) if isinstance(fields, tuple) else fields,
        },
    }


def test_bad_credentials_are_401_under_200(expensify: ExpensifyCaller) -> None:
    response = expensify.job(LIST, secret="wrong")
    assert response.status_code == 200
    assert response.json()["responseCode"] == 401
    assert "Authentication error" in response.json()["responseMessage"]


@pytest.mark.parametrize(
    "content", [b"", b"requestJobDescription={'type':'get'}", b"requestJobDescription=[]"]
)
def test_unreadable_description_is_500(expensify: ExpensifyCaller, content: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = httpx.post(expensify.url, content=content, headers=headers)
    assert (response.status_code, response.json()["responseCode"]) == (500, 500)


def test_fields_vanish_from_a_body_above_two_megabytes(expensify: ExpensifyCaller) -> None:
    assert expensify.job(LIST, filler="x" * (2 * 1024 * 1024)).status_code == 500


def test_json_body_is_not_a_form(expensify: ExpensifyCaller) -> None:
    assert httpx.post(expensify.url, json=LIST).status_code == 500


class TestLimits:
    def limit(self, sandbox: Sandbox, now: list[float], **options: object) -> None:
        sandbox.expensify.limits = RateLimits(clock=lambda: now[0], **options)  # type: ignore[arg-type]

    def codes(self, expensify: ExpensifyCaller, number: int) -> list[int]:
        return [expensify.job(LIST).status_code for _ in range(number)]

    def test_five_in_ten_seconds(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        now = [0.0]
        self.limit(sandbox, now)
        assert self.codes(expensify, 6) == [200, 200, 200, 200, 200, 429]
        now[0] = 9.9
        assert self.codes(expensify, 1) == [429]
        now[0] = 10.1
        assert self.codes(expensify, 6) == [200, 200, 200, 200, 200, 429]

    def test_twenty_in_sixty_seconds(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        now = [0.0]
        self.limit(sandbox, now)
        for start in (0.0, 11.0, 22.0, 33.0):
            now[0] = start
            assert self.codes(expensify, 5) == [200] * 5
        now[0] = 44.0
        assert self.codes(expensify, 1) == [429]
        now[0] = 60.1
        assert self.codes(expensify, 1) == [200]

    def test_refused_requests_count_when_told_so(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        now = [0.0]
        self.limit(sandbox, now, count_refused=True)
        self.codes(expensify, 5)
        now[0] = 9.0
        assert self.codes(expensify, 5) == [429] * 5
        now[0] = 12.0
        assert self.codes(expensify, 1) == [429]
        now[0] = 22.1
        assert self.codes(expensify, 1) == [200]

    def test_as_body_code_with_a_hint(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        self.limit(sandbox, [0.0], form="body", retry_after=True)
        self.codes(expensify, 5)
        response = expensify.job(LIST)
        assert (response.status_code, response.json()["responseCode"]) == (200, 429)
        assert response.headers["retry-after"] == "11"
        assert sandbox.expensify.jobs[-1].code == 429


@pytest.mark.parametrize(("codes", "shown"), [("integer", "200"), ("float", "200.0"), ("string", '"200"')])
def test_codes_come_in_several_spellings(
    sandbox: Sandbox, expensify: ExpensifyCaller, codes: str, shown: str
) -> None:
    sandbox.expensify.codes = codes  # type: ignore[assignment]
    assert f'"responseCode": {shown}}}' in expensify.job(LIST).text


class TestGet:
    def test_policy_list(self, expensify: ExpensifyCaller) -> None:
        assert expensify.job(LIST).json()["policyList"] == [
            {
                "id": "A1",
                "name": "Workspace",
                "owner": "owner@example.com",
                "role": "admin",
                "outputCurrency": "USD",
                "type": "corporate",
            }
        ]

    def test_admin_only(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        sandbox.expensify.policies["U1"] = Policy("U1", "Read only", role="user")
        job = {"type": "get", "inputSettings": {"type": "policyList", "adminOnly": True}}
        assert [row["id"] for row in expensify.job(job).json()["policyList"]] == ["A1"]
        assert len(expensify.job(LIST).json()["policyList"]) == 2

    def test_only_the_sections_asked_for(self, expensify: ExpensifyCaller) -> None:
        assert expensify.job(policy_job()).json() == {
            "policyInfo": {"A1": {"categories": [{"name": "Meals", "enabled": True}]}},
            "responseCode": 200,
        }

    @pytest.mark.parametrize(
        ("policies", "fields"),
        [("A1", ("tags",)), ([], ("tags",)), (("A1",), []), (("A1",), "tags"), (("A1", "ZZ"), ("tags",))],
    )
    def test_refused(self, expensify: ExpensifyCaller, policies: object, fields: object) -> None:
        assert expensify.job(policy_job(policies, fields)).json()["responseCode"] == 410

    def test_cards_need_a_domain_admin(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        sandbox.expensify.cards["x.com"] = [{"bank": "Amex", "cardID": 1}]
        settings = {"type": "domainCardList", "domain": "x.com"}
        answer = expensify.job({"type": "get", "inputSettings": settings}).json()
        assert answer["domainCardList"] == [{"bank": "Amex", "cardID": 1}]
        settings["domain"] = "y.com"
        assert expensify.job({"type": "get", "inputSettings": settings}).json()["responseCode"] == 403

    def test_a_credential_sees_its_owner_s_policies(
        self, sandbox: Sandbox, expensify: ExpensifyCaller
    ) -> None:
        sandbox.expensify.scopes["aa_sandbox"] = frozenset({"B2"})
        assert expensify.job(LIST).json()["policyList"] == []
        assert expensify.exported({"reportIDList": "R1,R3"}) == {"R3"}


class TestUpdate:
    def update(self, expensify: ExpensifyCaller, **sections: object) -> int:
        settings = {"type": "policy", "policyID": "A1"}
        answer = expensify.job({"type": "update", "inputSettings": settings, **sections}).json()
        return int(answer["responseCode"])

    def test_merging_tags_deletes_the_others(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        policy = sandbox.expensify.policies["A1"]
        policy.tags = [{"name": "Plant", "tags": [{"name": "P1"}, {"name": "P2"}]}]
        level = {"name": "Plant", "tags": [{"name": "P3"}]}
        tags = {"source": "inline", "action": "merge", "data": [level]}
        assert self.update(expensify, tags=tags) == 200
        assert policy.tags == [level]

    def test_categories_merge_and_replace(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        fuel = {"name": "Fuel", "enabled": True, "glCode": "6600"}
        assert self.update(expensify, categories={"action": "merge", "data": [fuel]}) == 200
        assert [row["name"] for row in sandbox.expensify.policies["A1"].categories] == ["Meals", "Fuel"]
        assert self.update(expensify, categories={"action": "replace", "data": [fuel]}) == 200
        assert sandbox.expensify.policies["A1"].categories == [fuel]

    def test_one_bad_section_changes_nothing(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        good = {"action": "replace", "data": []}
        assert self.update(expensify, categories=good, reportFields={"action": "drop", "data": []}) == 410
        assert len(sandbox.expensify.policies["A1"].categories) == 1

    def test_unknown_policy_and_missing_role(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        settings = {"type": "policy", "policyID": "ZZ"}
        assert expensify.job({"type": "update", "inputSettings": settings}).json()["responseCode"] == 404
        sandbox.expensify.policies["A1"].role = "user"
        assert self.update(expensify) == 403

    def test_reimbursed_says_200_even_when_all_is_skipped(
        self, sandbox: Sandbox, expensify: ExpensifyCaller
    ) -> None:
        settings = {"type": "reportStatus", "status": "REIMBURSED", "filters": {"reportIDList": "R1,R4"}}
        first = expensify.job({"type": "update", "inputSettings": settings}).json()
        second = expensify.job({"type": "update", "inputSettings": settings}).json()
        assert (first["responseCode"], first["reportIDs"]) == (200, ["R1"])
        assert first["skippedReports"] == [{"reason": "Report is in status 'Processing'", "reportID": "R4"}]
        assert (second["responseCode"], second["reportIDs"]) == (200, [])

    def test_employees(self, sandbox: Sandbox, expensify: ExpensifyCaller) -> None:
        job = {
            "type": "update",
            "dry-run": False,
            "dataSource": "request",
            "inputSettings": {"type": "employees", "entity": "generic"},
        }
        good = {"employeeEmail": "a@x", "managerEmail": "m@x", "employeeID": "7", "policyID": "A1"}
        lost = {**good, "employeeEmail": "c@x", "employeeID": "8", "policyID": "Marketing"}
        dry = expensify.job({**job, "dry-run": True}, data=json.dumps([good])).json()
        assert (dry["dry-run"], sandbox.expensify.policies["A1"].employees) == (True, [])
        answer = expensify.job(job, data=json.dumps([good, lost])).json()
        assert answer["updatedEmployeesCount"] == 1
        assert answer["diff"] == {"diffToAdd": {"A1": ["a@x"]}, "diffToRemove": {}}
        assert answer["skippedEmployees"] == [{"email": "c@x", "reason": "No policy found for 'Marketing'"}]
        # The same ID under another address renames the member.
        expensify.job(job, data=json.dumps([{**good, "employeeEmail": "b@x"}]))
        assert [row["email"] for row in sandbox.expensify.policies["A1"].employees] == ["b@x"]
        assert sandbox.expensify.policies["A1"].employees[0]["customField1"] == "7"
        assert expensify.job(job).json()["responseCode"] == 410
