"""Expensify's one URL: decoding the form, credentials, the request budget, and the jobs."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

from aiohttp import web

from include.sandbox.expensify.limits import RateLimits
from include.sandbox.expensify.render import render
from include.sandbox.expensify.selection import read_selection
from include.sandbox.expensify.state import Job, JsonObject, Policy, Refusal, StoredFile
from include.sandbox.expensify.updates import (
    set_reimbursed,
    set_tag_approvers,
    update_employees,
    update_policy,
)
from include.sandbox.stage import Answer, Stage

__all__ = ["Expensify"]

PATH = "/Integration-Server/ExpensifyIntegrations"
# A servlet container stops parsing a form above 2 MB; the fields are then simply not there.
_FORM_BYTES = 2 * 1024 * 1024
_EXTENSIONS = frozenset({"csv", "xls", "xlsx", "txt", "pdf", "json", "xml"})
_SECTIONS = {
    "categories": "categories",
    "reportFields": "report_fields",
    "tags": "tags",
    "tax": "tax",
    "employees": "employees",
}
_RATE_LIMITED = "You have been rate-limited. Please try again later or contact help@expensify.com for assistance."


class Expensify:
    """State and behaviour of the Integration Server.

    Tests set the attributes directly, before the server starts or while holding `Sandbox.lock`: `credentials`
    (partner user ID to secret), `policies`, `reports` (report ID to the template's report model, amounts in
    integer cents), `labels` (report ID to the export labels it carries), `cards` (domain to card rows),
    `ready_after` (downloads answered "not ready" per file, in the form of `not_ready`), `batch_size` (reports
    per rendering), `codes` (how `responseCode` is written), `scopes` (partner user ID to the policies its
    owner sees; absent: all), `limits`, `today`. They read `jobs`, `files` and `sent_mail`.
    """

    name = "expensify"

    def __init__(self) -> None:
        self.credentials: dict[str, str] = {"aa_sandbox": "sandbox-secret"}
        self.scopes: dict[str, frozenset[str]] = {}
        self.policies: dict[str, Policy] = {}
        self.reports: dict[str, JsonObject] = {}
        self.labels: dict[str, set[str]] = {}
        self.cards: dict[str, list[JsonObject]] = {}
        self.files: dict[str, StoredFile] = {}
        self.jobs: list[Job] = []
        self.sent_mail: list[JsonObject] = []
        self.limits = RateLimits()
        self.ready_after = 0
        self.not_ready: Literal["empty", "404"] = "empty"
        self.batch_size: int | None = None
        self.codes: Literal["integer", "float", "string"] = "integer"
        self.today: Callable[[], date] = lambda: datetime.now(UTC).date()

    def add_report(self, report: JsonObject) -> None:
        """Put a report there, or replace the one with its ID; its labels stay."""
        self.reports[str(report["reportID"])] = report

    def routes(self, stage: Stage) -> Iterable[web.AbstractRouteDef]:
        async def handle(request: web.Request) -> web.StreamResponse:
            fields, in_url = await _form(request)
            description = _description(fields)
            operation = _operation(description)
            return await stage.perform(
                request,
                self.name,
                operation,
                json.dumps(_without_credentials(description), ensure_ascii=False),
                lambda: self._run(operation, description, fields, in_url),
            )

        return [web.post(PATH, handle)]

    def documents(self) -> list[dict[str, object]]:
        return [
            {
                "report": identity,
                "status": report.get("status"),
                "approved": report.get("approved"),
                "labels": sorted(self.labels.get(identity, ())),
            }
            for identity, report in sorted(self.reports.items())
        ]

    # One job

    def _run(self, operation: str, description: JsonObject | None, fields: dict[str, str], in_url: bool) -> Answer:
        exported: list[str] = []
        code = 200
        try:
            if description is None:
                raise Refusal(500, "No valid requestJobDescription submitted", status=500)
            self._authenticate(description)
            limited = self._limited(description)
            if limited is not None:
                code, answer = 429, limited
            else:
                answer = self._dispatch(description, fields, exported)
        except Refusal as refusal:
            code = refusal.code
            answer = self._envelope({"responseMessage": refusal.message}, code, refusal.status, plain=True)
        safe = _without_credentials(description)
        self.jobs.append(
            Job(
                operation=operation,
                type=str(safe.get("type", "")),
                kind=_kind(safe),
                at=datetime.now(UTC),
                code=code,
                description=safe,
                template=fields.get("template"),
                data=fields.get("data"),
                file=fields.get("file"),
                reports=tuple(exported),
                in_url=in_url,
            )
        )
        return answer

    def _authenticate(self, description: JsonObject) -> None:
        pair = description.get("credentials")
        user = pair.get("partnerUserID") if isinstance(pair, dict) else None
        secret = pair.get("partnerUserSecret") if isinstance(pair, dict) else None
        if not isinstance(user, str) or not isinstance(secret, str) or self.credentials.get(user) != secret:
            raise Refusal(401, "Authentication error: the credentials are not valid")

    def _limited(self, description: JsonObject) -> Answer | None:
        wait = self.limits.refuse(description["credentials"]["partnerUserID"])
        if wait is None:
            return None
        status = 429 if self.limits.form == "http" else 200
        answer = self._envelope({"responseMessage": _RATE_LIMITED}, 429, status, plain=True)
        extra = {"Retry-After": str(int(wait) + 1)} if self.limits.retry_after else {}
        return Answer(answer.body, answer.status, {**answer.headers, **extra})

    def _dispatch(self, description: JsonObject, fields: dict[str, str], exported: list[str]) -> Answer:
        match description.get("type"), _kind(description):
            case "file", "combinedReportData":
                return self._export(description, fields, exported)
            case "file", kind:
                raise Refusal(410, f"Type '{kind}' is not supported")
            case "download", _:
                return self._download(description)
            case "reconciliation", _:
                return self._reconcile(description, fields)
            case "get", kind:
                return self._get(kind, description)
            case "update", kind:
                return self._envelope(self._update(kind, description, fields), plain=kind != "policy")
            case job, _:
                raise Refusal(410, f"Job type '{job}' is not supported")

    def _scope(self, description: JsonObject) -> frozenset[str] | None:
        return self.scopes.get(description["credentials"]["partnerUserID"])

    def _visible(self, description: JsonObject) -> dict[str, Policy]:
        scope = self._scope(description)
        return {key: policy for key, policy in self.policies.items() if scope is None or key in scope}

    def _export(self, description: JsonObject, fields: dict[str, str], exported: list[str]) -> Answer:
        if description.get("onReceive") != {"immediateResponse": ["returnRandomFileName"]}:
            raise Refusal(410, "'onReceive' must ask for returnRandomFileName")
        template = fields.get("template")
        if not template:
            # Also when the template is nested in the JSON: it is a form field of its own.
            raise Refusal(410, "No Template Submitted")
        selection = read_selection(description["inputSettings"], self.today())
        output = description.get("outputSettings")
        extension = output.get("fileExtension") if isinstance(output, dict) else None
        if extension not in _EXTENSIONS:
            raise Refusal(410, f"File extension '{extension}' is not supported")
        testing = description.get("test", "false")
        if testing not in ("true", "false"):
            raise Refusal(410, "'test' must be the string true or false")
        actions = _finish_actions(description)
        scope = self._scope(description)
        reports = [report for report in self.reports.values() if scope is None or report.get("policyID") in scope]
        chosen = selection.pick(reports, self.labels)
        exported.extend(str(report["reportID"]) for report in chosen)
        content = render(template, chosen, self.batch_size)
        basename = description["outputSettings"].get("fileBasename") or "export"
        name = f"{basename}{uuid.uuid4()}.{extension}"
        self.files[name] = StoredFile(name, content, tries_left=self.ready_after)
        if testing == "false":
            # The actions fire when the export ends, before the client has seen one byte of the file.
            self._finish(actions, exported)
        return Answer(name.encode(), headers={"Content-Type": "text/plain;charset=utf-8"})

    def _finish(self, actions: list[JsonObject], exported: list[str]) -> None:
        for action in actions:
            if action["actionName"] == "markAsExported":
                for identity in exported:
                    self.labels.setdefault(identity, set()).add(action["label"])
            elif action["actionName"] == "email":
                self.sent_mail.append(action)

    def _download(self, description: JsonObject) -> Answer:
        name, system = description.get("fileName"), description.get("fileSystem")
        if not isinstance(name, str) or not name:
            raise Refusal(410, "'fileName' is missing")
        stored = self.files.get(name)
        if stored is None or stored.system != system:
            raise Refusal(404, f"File '{name}' not found")
        if stored.tries_left > 0:
            stored.tries_left -= 1
            if self.not_ready == "404":
                raise Refusal(404, f"File '{name}' not found")
            return Answer(b"", headers={"Content-Type": "text/plain;charset=utf-8"})
        return Answer(stored.content, headers={"Content-Type": "application/octet-stream"})

    def _reconcile(self, description: JsonObject, fields: dict[str, str]) -> Answer:
        settings = description.get("inputSettings", {})
        if settings.get("domain") not in self.cards:
            raise Refusal(403, "You must be a domain admin")
        if not fields.get("template"):
            raise Refusal(410, "No Template Submitted")
        extension = description.get("outputSettings", {}).get("fileExtension")
        name = f"is_reconciliation_{uuid.uuid4().int % 10**19}.{extension}"
        self.files[name] = StoredFile(name, b"", system="reconciliation", tries_left=self.ready_after)
        return self._envelope({"filename": name, "responseMessage": "OK"}, plain=True)

    def _get(self, kind: str, description: JsonObject) -> Answer:
        settings = description["inputSettings"]
        visible = self._visible(description)
        match kind:
            case "policyList":
                rows = [
                    {
                        "id": policy.id,
                        "name": policy.name,
                        "owner": policy.owner,
                        "role": policy.role,
                        "outputCurrency": policy.currency,
                        "type": policy.type,
                    }
                    for policy in visible.values()
                    if policy.role == "admin" or not settings.get("adminOnly")
                ]
                return self._envelope({"policyList": rows})
            case "policy":
                return self._envelope({"policyInfo": _policy_info(settings, visible)})
            case "domainCardList":
                domain = settings.get("domain")
                if domain not in self.cards:
                    raise Refusal(403, f"You must be an admin of the domain '{domain}'")
                return self._envelope({"domainCardList": self.cards[domain]}, plain=True)
            case _:
                raise Refusal(410, f"Type '{kind}' is not supported")

    def _update(self, kind: str, description: JsonObject, fields: dict[str, str]) -> JsonObject:
        settings, visible = description["inputSettings"], self._visible(description)
        match kind:
            case "employees":
                return update_employees(description, fields.get("data"), visible)
            case "reportStatus":
                return set_reimbursed(settings, self.reports)
            case "policy":
                return update_policy(_administered(settings, visible), description, fields.get("file"))
            case "tagApprovers":
                return set_tag_approvers(_administered(settings, visible), description)
            case _:
                raise Refusal(410, f"Type '{kind}' is not supported")

    def _envelope(self, body: JsonObject, code: int = 200, status: int = 200, *, plain: bool = False) -> Answer:
        shown: object = code
        if self.codes == "float":
            shown = float(code)
        elif self.codes == "string":
            shown = str(code)
        # The content type says nothing about the content: some jobs send JSON as text.
        content_type = "text/plain;charset=utf-8" if plain else "application/json"
        text = json.dumps({**body, "responseCode": shown}, ensure_ascii=False)
        return Answer(text.encode(), status, {"Content-Type": content_type})


async def _form(request: web.Request) -> tuple[dict[str, str], bool]:
    body = await request.read()
    fields: dict[str, str] = {}
    query = request.raw_path.partition("?")[2]
    if request.content_type == "application/x-www-form-urlencoded" and len(body) <= _FORM_BYTES:
        fields = _decoded(body.decode("ascii", "replace"))
    return {**_decoded(query), **fields}, bool(query)


def _decoded(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="replace")
    except ValueError:
        return {}
    fields: dict[str, str] = {}
    for key, value in pairs:
        fields.setdefault(key, value)
    return fields


def _description(fields: dict[str, str]) -> JsonObject | None:
    try:
        parsed: Any = json.loads(fields.get("requestJobDescription", ""))
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    if not isinstance(parsed.setdefault("inputSettings", {}), dict):
        return None
    return parsed


def _kind(description: JsonObject) -> str:
    return str(description.get("inputSettings", {}).get("type", ""))


def _operation(description: JsonObject | None) -> str:
    if description is None:
        return "unreadable"
    job = str(description.get("type", ""))
    match job:
        case "file":
            actions = description.get("onFinish") or []
            marking = any(
                isinstance(action, dict) and action.get("actionName") == "markAsExported" for action in actions
            )
            return "file:mark" if marking else "file"
        case "get" | "update" | "create":
            return f"{job}:{_kind(description)}"
        case _:
            return job


def _without_credentials(description: JsonObject | None) -> JsonObject:
    return {key: value for key, value in (description or {}).items() if key != "credentials"}


def _finish_actions(description: JsonObject) -> list[JsonObject]:
    actions = description.get("onFinish", [])
    if not isinstance(actions, list):
        raise Refusal(410, "'onFinish' must be a list")
    required = {"markAsExported": "label", "email": "recipients", "sftpUpload": "sftpData"}
    for action in actions:
        name = action.get("actionName") if isinstance(action, dict) else None
        if name not in required or not action.get(required[name]):
            raise Refusal(410, f"Action '{name}' is not supported or lacks an argument")
    return actions


def _policy_info(settings: JsonObject, visible: dict[str, Policy]) -> JsonObject:
    identities, sections = settings.get("policyIDList"), settings.get("fields")
    for name, value in (("policyIDList", identities), ("fields", sections)):
        if not isinstance(value, list) or not value:
            raise Refusal(410, f"'{name}' must be a non-empty array")
    assert isinstance(identities, list)
    assert isinstance(sections, list)
    for section in sections:
        if section not in _SECTIONS:
            raise Refusal(410, f"Field '{section}' is not supported")
    for identity in identities:
        if identity not in visible:
            raise Refusal(410, f"Policy '{identity}' not found")
    return {
        identity: {section: getattr(visible[identity], _SECTIONS[section]) for section in sections}
        for identity in identities
    }


def _administered(settings: JsonObject, visible: dict[str, Policy]) -> Policy:
    policy = visible.get(str(settings.get("policyID", "")))
    if policy is None:
        raise Refusal(404, f"Policy '{settings.get('policyID')}' not found")
    if policy.role != "admin":
        raise Refusal(403, "You must be an admin of the policy")
    return policy
