"""A person's decision on journals: adopt, reissue or close."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from expensify_erp.operators.params import listed
from expensify_erp.operators.tenant import TenantOperator
from include.errors import Misconfigured
from include.ledger import settle
from include.ledger.settle import Decision

if TYPE_CHECKING:
    from airflow.sdk import Context


class SettleOperator(TenantOperator):
    """Carries out what the run's parameters say, for the tenant that they name. The user who started it is recorded."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(tenant="", **kwargs)

    def execute(self, context: Context) -> list[str]:
        params = context["params"]
        self.tenant = str(params["tenant"]).strip()
        who = getattr(context["dag_run"], "triggering_user_name", None) or "an unnamed user"
        number = str(params.get("document_number") or "").strip() or None
        decision = Decision(params["action"], str(params.get("reason") or ""), who, number)
        keys, report_ids = listed(params, "journals"), listed(params, "report_ids")
        if bool(keys) == bool(report_ids):
            raise Misconfigured("name either `journals` or `report_ids`")
        tenant = self.settings()
        actor = replace(self.actor(context), who=who)
        with ExitStack() as stack:
            ledger = stack.enter_context(self.ledger())
            scope = self.scope(tenant)
            if report_ids:
                sentences = settle.close_unknown_reports(ledger, scope, report_ids, decision, actor)
            else:
                is_reissue = decision.action == "reissue"
                erp = stack.enter_context(self.open_erp(tenant, ledger)) if is_reissue else None
                sentences = settle.settle_journals(ledger, scope, tenant, keys, decision, erp, actor)
        for sentence in sentences:
            self.log.info("%s", sentence)
        return sentences
