"""Step 4: post each journal exactly once, or fail with its reasons as a red box to clear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias

from expensify_erp.hooks.archive import ArchiveHook
from expensify_erp.operators.exports import export_reports
from expensify_erp.operators.tenant import TenantOperator
from include.accounting.money import written
from include.erps.port import Erp
from include.errors import ExpenseError, Held, Retryable
from include.expensify.archive import read_lines
from include.ledger.database import Ledger
from include.ledger.journals import Scope
from include.ledger.posting import Posted, Poster
from include.ledger.replay import Replay

if TYPE_CHECKING:
    from airflow.sdk import Context

    from include.settings.tenant import Tenant


def ledger_asset(erp_type: str, tenant: str) -> Asset:
    """The asset whose events tell of each posting: consumers key on the event's ``journal_key``."""
    return Asset(name=f"{tenant}_ledger", uri=f"erp://{erp_type}/{tenant}/ledger")


class LoadOperator(TenantOperator):
    """Posts the journals of one box, usually one.

    :param journal_keys: the box.
    """

    def __init__(self, *, journal_keys: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.journal_keys = journal_keys

    def execute(self, context: Context) -> list[dict[str, Any]]:
        context["journal_name"] = box_name(self.journal_keys)  # type: ignore[typeddict-unknown-key]
        tenant = self.settings()
        with ExitStack() as stack:
            ledger = stack.enter_context(self.ledger())
            session: list[Erp] = []

            def erp() -> Erp:
                if not session:
                    session.append(stack.enter_context(self.open_erp(tenant, ledger)))
                return session[0]

            scope = self.scope(tenant)
            poster = Poster(
                ledger,
                scope,
                erp,
                request_timeout_s=tenant.erp.request_timeout_s,
                settle_s=tenant.erp.settle_s,
                actor=self.actor(context),
            )
            replay = self._replay(ledger, scope, tenant, context, erp)
            posted: list[Posted] = []
            failed: dict[str, ExpenseError] = {}
            for key in self.journal_keys:
                try:
                    posted.append(self._post(key, poster, replay))
                except ExpenseError as error:
                    failed[key] = error
                    self.log.error("%s", error)
                except Exception as error:
                    if len(self.journal_keys) == 1:
                        raise
                    # Whatever befell this journal, the others of the box are posted.
                    self.log.exception("journal %s", key)
                    failed[key] = Retryable(
                        f"journal {key}: unexpected {type(error).__name__}; the log has the details"
                    )
            if failed:
                raise _combined(failed, len(self.journal_keys))
            return self._announced(ledger, tenant, posted, context)

    def _post(self, key: str, poster: Poster, replay: Replay) -> Posted:
        if replay.stale([key]):
            self.log.info("journal %s was cleared: its reports are read, mapped and checked again", key)
            replay.refresh(key)
        done = poster.post(key)
        total = written(done.total_debit_cents, done.currency)
        self.log.info("journal %s is %s: document %s, %s", key, done.state, done.document_number, total)
        return done

    def _replay(self, ledger: Ledger, scope: Scope, tenant: Tenant, context: Context, erp: Any) -> Replay:
        def read_again(report_ids: Sequence[str]) -> Iterable[bytes]:
            file = export_reports(ledger, tenant, report_ids, context["ti"].run_id)
            return read_lines(file, ArchiveHook().keys())

        run = self.run_of(ledger, self.run_key(context))
        cleared = context["dag_run"].clear_number or 0
        return Replay(ledger, scope, tenant, run, cleared, read_again, erp, self.actor(context))

    def _announced(
        self, ledger: Ledger, tenant: Tenant, posted: Sequence[Posted], context: Context
    ) -> list[dict[str, Any]]:
        """One asset event per posting that no finished task has announced yet."""
        alias = context["outlet_events"][AssetAlias(f"{tenant.name}_ledger")]
        asset = ledger_asset(tenant.erp.type, tenant.name)
        rows = []
        for done in posted:
            row: dict[str, Any] = {
                "journal_key": done.key,
                "state": done.state,
                "document_number": done.document_number,
                "total_debit_cents": done.total_debit_cents,
                "currency": done.currency,
            }
            rows.append(row)
            if done.state == "posted" and not done.announced:
                alias.add(asset, extra=row)
        return rows


def box_name(keys: Sequence[str]) -> str:
    """What the UI calls a box."""
    return keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"


def _combined(failed: dict[str, ExpenseError], attempted: int) -> ExpenseError:
    """One error for the box; retried as long as any of its journals may still succeed by waiting."""
    errors = list(failed.values())
    if len(errors) == 1 and attempted == 1:
        return errors[0]
    text = f"{len(failed)} of {attempted} journals are not posted:\n" + "\n".join(str(error) for error in errors)
    waits = [error for error in errors if isinstance(error, Retryable)]
    if waits:
        return Retryable(text, max((error.delay_s or 0.0 for error in waits), default=0.0) or None)
    return Held(text)
