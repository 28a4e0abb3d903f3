"""The ERP's side of the preflight: the site's own checks, periods, payees, and whether mapped accounts exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from include.accounting.mapping import look_up
from include.erps.port import AP_ACCOUNT, Draft, Erp, Kind, Line, Problem
from include.erps.site import Finding, SiteQuestions, ok
from include.errors import Held
from include.preflight import coverage
from include.preflight.asking import ask
from include.preflight.coverage import Probe, Row
from include.preflight.seen import Seen
from include.settings.tenant import Tenant

KEY = "PREFLIGHT"
_ABOUT_ACCOUNTS = ("account", "dimension", "subaccount", "project")
_MOST_SUBMITTERS = 200


def ledger_findings(
    open_erp: Callable[[], Erp], tenant: Tenant, rows: Sequence[Row], seen: Seen | None, today: date
) -> list[Finding]:
    """Ask everything in one session. ``rows`` are judged in place. A log-on that fails is not tried a second time."""
    system = tenant.erp.type
    found: list[Finding] = []

    def all_questions() -> Iterable[Finding]:
        with open_erp() as erp:
            found.extend(_in_session(erp, tenant, rows, seen, today))
        return ()

    found += ask(system, all_questions)
    return found


def _in_session(erp: Erp, tenant: Tenant, rows: Sequence[Row], seen: Seen | None, today: date) -> list[Finding]:
    system = tenant.erp.type
    days = tuple(sorted({tenant.start_date, today}))
    accounts = tuple(row.value for row in rows if row.what == "credit" and row.value) + tuple(
        dict.fromkeys(probe.account for row in rows for probe in row.probes)
    )
    first, *others = erp.site_checks(SiteQuestions(tenant.posting.currency, days, accounts[:20]))
    found = _named(system, first.subject, ask(first.subject, first.ask))
    if any(finding.level == "blocking" for finding in found):
        found.append(
            Finding(
                "warning",
                system,
                "nothing else was asked: repeated refusals lock the user",
                "correct the above, then ask again",
            )
        )
        return found
    for check in others:
        found += _named(system, check.subject, ask(check.subject, check.ask))
    found += _named(system, "references", ask("references", lambda: _references(erp, tenant, today)))
    found += _named(system, "periods", ask("periods", lambda: _periods(erp, tenant, rows, days)))
    if seen is not None and tenant.erp.document_kind == "bill" and seen.submitters:
        found += _named(system, "payees", ask("payees", lambda: _payees(erp, tenant, rows, seen, today)))
    return found + _named(system, "accounts", ask("accounts", lambda: _accounts(erp, tenant, rows, today)))


def _named(system: str, subject: str, findings: Iterable[Finding]) -> list[Finding]:
    return [
        Finding(one.level, f"{system}: {one.subject or subject}", one.message, one.fix)
        if not one.subject.startswith(system)
        else one
        for one in findings
    ]


def _references(erp: Erp, tenant: Tenant, today: date) -> list[Finding]:
    """Posting rests on this look-up: it has to be answered, not to find anything."""
    found = erp.find(_draft(tenant, Probe("0", (), tenant.erp.document_kind), today))
    if found:
        return [Finding("warning", "references", f"a document carries the reference of this very test ({KEY})")]
    return ok("references", "documents can be looked up by reference")


def _periods(erp: Erp, tenant: Tenant, rows: Sequence[Row], days: Sequence[date]) -> list[Finding]:
    probe = _any_probe(rows)
    if probe is None:
        return [Finding("warning", "periods", "could not be asked: no account is mapped", "map a category first")]
    found: list[Finding] = []
    for verdict in erp.check([_draft(tenant, probe, day) for day in days]):
        day = verdict.draft.posting_date
        problems = [one for one in verdict.problems if not _about_payee(one) and not _about_accounts(one)]
        closed = [one for one in problems if one.code.startswith("period")]
        moves = tenant.posting.closed_period == "next_open" and len(closed) == len(problems)
        for problem in problems:
            found.append(Finding("warning" if moves else "blocking", "periods", problem.message, problem.fix))
        if not problems:
            found += ok("periods", f"{day} is in a period that takes postings")
    return list(dict.fromkeys(found))


def _payees(erp: Erp, tenant: Tenant, rows: Sequence[Row], seen: Seen, today: date) -> list[Finding]:
    probe = next((one for row in rows for one in row.probes if one.kind == "bill"), None)
    if probe is None:
        return []
    emails = [email for email, _ in seen.submitters.most_common(_MOST_SUBMITTERS)]
    verdicts = erp.check([_draft(tenant, probe, today, email) for email in emails])
    problems = dict.fromkeys(one for verdict in verdicts for one in verdict.problems if _about_payee(one))
    if not problems:
        return ok("payees", f"who is to be paid is known for all {len(emails)} submitters")
    return [Finding("blocking", "payees", one.message, one.fix) for one in problems]


def _accounts(erp: Erp, tenant: Tenant, rows: Sequence[Row], today: date) -> list[Finding]:
    probes = list(dict.fromkeys(probe for row in rows for probe in row.probes))
    answers: dict[Probe, Sequence[Problem]] = {}
    if probes:
        verdicts = erp.check([_draft(tenant, probe, today) for probe in probes])
        answers = {probe: verdict.problems for probe, verdict in zip(probes, verdicts, strict=True)}
    coverage.judge(rows, answers)
    return ok("accounts", f"{len(probes)} accounts with their dimensions were looked up, see the mapping below")


def _any_probe(rows: Sequence[Row]) -> Probe | None:
    wanted = [row for what in ("credit", "category") for row in rows if row.what == what]
    return next((probe for row in wanted for probe in row.probes), None)


def _about_accounts(problem: Problem) -> bool:
    return problem.code.startswith(_ABOUT_ACCOUNTS)


def _about_payee(problem: Problem) -> bool:
    return problem.code.startswith(("vendor", "employee", "supplier", "payee"))


def _draft(tenant: Tenant, probe: Probe, day: date, submitter: str | None = None) -> Draft:
    """A cent to the account and back: it is checked, never sent."""
    kind: Kind = probe.kind
    dimensions = dict(probe.dimensions)
    back = Line(2, AP_ACCOUNT, -1) if kind == "bill" else Line(2, probe.account, -1, dimensions, KEY)
    try:
        reference = tenant.erp.reference(KEY, tenant.posting.reference_prefix, tenant.per)
    except ValueError as error:
        raise Held(f"{error}: every journal would be held") from None
    return Draft(
        KEY,
        reference,
        kind,
        tenant.posting.currency,
        day,
        day,
        tenant.erp.description(KEY, reference, f"Expensify {KEY}"),
        (Line(1, probe.account, 1, dimensions, KEY), back),
        submitter_email=submitter,
        submitter_id=look_up(tenant.mapping.employee, submitter, None, "mapping.employee").value if submitter else None,
    )
