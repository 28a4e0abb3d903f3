"""Bare clients for the sandbox tests: they send what a test says and hide nothing of the answer."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx

from include.sandbox.expensify import MARKER

TEMPLATE = f"<#-- {MARKER} --> <#list reports as report></#list>"
PARAMETERS = (
    "<PostGlJournal><Parameters><IgnoreWarnings>N</IgnoreWarnings>"
    "<ApplyIfEntireDocumentValid>Y</ApplyIfEntireDocumentValid><ValidateOnly>{validate}</ValidateOnly>"
    "<ActionType>A</ActionType></Parameters></PostGlJournal>"
)


class ExpensifyCaller:
    """Sends job descriptions with the credentials of the sandbox."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/Integration-Server/ExpensifyIntegrations"

    def job(
        self, description: dict[str, Any], secret: str = "sandbox-secret", **fields: str
    ) -> httpx.Response:
        credentials = {"partnerUserID": "aa_sandbox", "partnerUserSecret": secret}
        form = {"requestJobDescription": json.dumps({"credentials": credentials, **description}), **fields}
        return httpx.post(self.url, data=form, timeout=10)

    def export(
        self,
        filters: dict[str, Any],
        template: str | None = TEMPLATE,
        settings: dict[str, Any] | None = None,
        **more: Any,
    ) -> httpx.Response:
        description = {
            "type": "file",
            "onReceive": {"immediateResponse": ["returnRandomFileName"]},
            "inputSettings": {"type": "combinedReportData", "filters": filters, **(settings or {})},
            "outputSettings": {"fileExtension": "txt", "fileBasename": "erp"},
            **more,
        }
        return self.job(description, **({"template": template} if template is not None else {}))

    def download(self, name: str, system: str = "integrationServer") -> httpx.Response:
        return self.job({"type": "download", "fileName": name, "fileSystem": system})

    def exported(self, filters: dict[str, Any], **more: Any) -> set[str]:
        """IDs of the reports in the file of an export."""
        text = self.download(self.export(filters, **more).text).text
        lines = [json.loads(line) for line in text.splitlines()]
        return {line["reportID"] for line in lines if line["k"] == "R"}


class SysproCaller:
    """Sends REST calls of the e.net service."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/SYSPROWCFService/Rest"

    def call(self, operation: str, method: str = "GET", **values: str) -> httpx.Response:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
        return httpx.request(method, f"{self.url}/{operation}?{query}", timeout=10)

    def logon(self, operator: str = "ROBOT", password: str = "secret", company: str = "EDU1") -> str:
        return self.call(
            "Logon", Operator=operator, OperatorPassword=password, CompanyId=company, CompanyPassword=""
        ).text

    def post_gl(self, session: str, item: str, validate: str = "N") -> str:
        return self.call(
            "Transaction/Post",
            UserId=session,
            BusinessObject="GENTJL",
            XmlParameters=PARAMETERS.format(validate=validate),
            XmlIn=f"<PostGlJournal><Item>{item}</Item></PostGlJournal>",
        ).text

    def query(self, session: str, xml: str, business_object: str = "COMFND") -> str:
        return self.call("Query/Query", UserId=session, BusinessObject=business_object, XmlIn=xml).text


def entry(code: str, amount: str, reference: str = "EXP-1", more: str = "") -> str:
    return (
        f"<JournalDetails><LedgerCode>{code}</LedgerCode><Date>2026-11-20</Date><Reference>{reference}</Reference>"
        f"<EntryAmount>{amount}</EntryAmount>{more}</JournalDetails>"
    )


def journal(amount: str = "125.40", reference: str = "EXP-1", head: str = "") -> str:
    """A balanced journal of two entries."""
    return head + entry("6100-P1", amount, reference) + entry("2150-00", f"-{amount}", reference)
