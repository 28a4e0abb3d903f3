"""An ERP without peculiarities: what every ERP takes, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from include.erps.port import Draft, ErpSettings, Kind, Problem


class PlainErp(ErpSettings):
    default_per: ClassVar[Literal["day", "report"]] = "day"

    type: Literal["plain"]
    document: Kind = "journal"
    longest_reference: int = 30

    @property
    def document_kind(self) -> Kind:
        return self.document

    def account(self, gl_account: str, dimensions: Mapping[str, str]) -> str:
        return "-".join([gl_account, *(value for _, value in sorted(dimensions.items()))])

    def company(self, connection_extra: Mapping[str, Any]) -> str:
        return "ONE"

    def reference(self, key: str, prefix: str, per: str) -> str:
        wanted = f"{prefix}-{key}".upper()
        if len(wanted) > self.longest_reference:
            raise ValueError(f"{wanted} is longer than {self.longest_reference} characters")
        return wanted

    def problems(self, draft: Draft) -> list[Problem]:
        if self.max_lines is not None and len(draft.sent_lines) > self.max_lines:
            return [Problem("too_many_lines", draft.reference, f"More than {self.max_lines} lines", "Split the report")]
        return []
