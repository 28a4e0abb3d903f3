"""Dynamics GP as an ERP: one company through one of its APIs.

Journals stay unposted (state Work) in a batch; posting the batch is finance's own step in GP, and no call of ours does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from include.clock import Clock, utc_now
from include.erps.dynamics_gp.api import Api, CostCenter, Employee
from include.erps.dynamics_gp.auth import RefusedPassword, Scheme, WindowsAuth
from include.erps.dynamics_gp.checks import Checks
from include.erps.dynamics_gp.settings import DynamicsGpSettings
from include.erps.dynamics_gp.site import Site
from include.erps.kept_answers import KeptAnswers
from include.erps.port import DocumentList, DocumentsAsked, Draft, ErpDocument, Verdict
from include.erps.shared_state import TokenStore
from include.erps.site import SiteCheck, SiteQuestions
from include.errors import Conflict, Misconfigured, Rejected, Retryable
from include.reference_data import source
from include.transport import HttpClient

_UNLISTED = (
    "Without posting.reference_prefix nothing tells our journals in Dynamics GP from others: one that the ledger does not know "
    "would not be seen"
)


class DynamicsGpErp:
    """Implements :class:`include.erps.port.Erp`. There is no session: the log-on belongs to the connection.

    :param base_url: scheme, host and port of the web service.
    :param login: ``DOMAIN\\user`` or ``user@domain``.
    :param realm: the Kerberos realm, where the login does not name it.
    :param service_host: the host of the service principal, where it is not the address's.
    :param shared: where answers are kept between tasks; ``None``: nowhere, so each session asks for itself.
    :param refused_before: keeps a refused password from being tried by the next session.
    :raises Misconfigured: the address or the fiscal calendar is wrong.
    """

    def __init__(
        self,
        base_url: str,
        login: str,
        password: str,
        *,
        settings: DynamicsGpSettings,
        auth: Scheme = "negotiate",
        realm: str | None = None,
        service_host: str | None = None,
        verify: bool | str = True,
        request_timeout_s: float | None = None,
        refused_before: RefusedPassword | None = None,
        shared: TokenStore | None = None,
        clock: Clock = utc_now,
    ) -> None:
        host = urlsplit(base_url).hostname
        if not host:
            raise Misconfigured("the Dynamics GP connection has no host")
        self._settings = settings
        try:
            http = HttpClient(
                base_url,
                verify=verify,
                auth=WindowsAuth(
                    login, password, auth, service_host or host, realm=realm, refused_before=refused_before
                ),
                request_timeout_s=request_timeout_s or settings.request_timeout_s,
                secrets=(password,),
            )
        except (ValueError, OSError) as error:
            raise Misconfigured(f"The Dynamics GP connection: {error}") from None
        kept = KeptAnswers(
            shared, "dynamics_gp", base_url, settings.soap_path, login, clock=lambda: clock().timestamp()
        )
        self._api = _api(http, settings, kept, clock)
        self._employees: dict[str, Employee] = {}
        self._checks = Checks(settings, self._api)

    def changed_employees(self, since: datetime | None) -> list[source.Employee]:
        """See :class:`include.reference_data.source.GivesEmployees`. GP names no manager; over SOAP it tells neither e-mails nor
        times of change.
        """
        rows = self._api.employees(since)
        self._employees |= {row.code.upper(): row for row in rows}
        return [
            source.Employee(
                one.code,
                one.email or None,
                one.first_name,
                one.last_name,
                None,
                one.active,
                tells_email=self._settings.api == "sba",
            )
            for one in rows
        ]

    def known_cost_centers(self) -> list[source.CostCenter]:
        """See :class:`include.reference_data.source.GivesCostCenters`; without the segments that stand for none."""
        return [
            source.CostCenter(one.code, one.description, one.active)
            for one in self.cost_centers()
            if one.code not in self._settings.not_cost_centers
        ]

    @property
    def takes_reference_data(self) -> bool:
        """Only SBA has a way for cost centers and employees; the Web Services have none."""
        return self._api.can_write_master_data

    def put_cost_center(self, center: source.CostCenter) -> None:
        """See :class:`include.reference_data.source.TakesReferenceData`."""
        self._api.put_cost_center(CostCenter(center.code, center.name, center.active))

    def put_employee(self, employee: source.Employee) -> None:
        """See :class:`include.reference_data.source.TakesReferenceData`: what is not given stays as GP has it."""
        known = self._employees.get(employee.employee_id.upper())
        if known is None:
            known = Employee(employee.employee_id, "", "", "", "", True)
        self._api.put_employee(
            replace(
                known,
                first_name=employee.first_name or known.first_name,
                last_name=employee.last_name or known.last_name,
                email=employee.email or known.email,
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.close()

    def check(self, drafts: Sequence[Draft]) -> list[Verdict]:
        """Accounts, cost centres and period of all drafts; ``details`` get ``batch`` and, over SOAP, ``company_id``.

        :raises Retryable: GP could not be asked. :raises Misconfigured: the company, the account or its rights.
        """
        return self._checks.verdicts(drafts) if drafts else []

    def next_open_date(self, draft: Draft) -> date | None:
        """The first day of the next period after the draft's that is open; ``None`` when none is known."""
        return self._checks.next_open_date(draft)

    def find(self, draft: Draft) -> list[ErpDocument]:
        """Every journal under the draft's reference, in any batch and state.

        :raises LookupFailed: no complete answer.
        """
        return self._api.find(draft)

    def documents(self, asked: DocumentsAsked) -> DocumentList:
        """All journals changed since, in few questions; then one question for each of ours, for its lines and total.

        :raises LookupFailed: the list would be incomplete.
        """
        gaps = () if asked.prefix else (_UNLISTED,)
        return DocumentList(tuple(self._api.documents(asked)), gaps)

    def create(self, draft: Draft, before_send: Callable[[str], None]) -> ErpDocument:
        """Put the draft into its batch, unposted, once; see :meth:`include.erps.port.Erp.create`.

        Over SOAP the document has no number: :meth:`complete` looks it up.
        """
        problems = self._settings.problems(draft)
        if problems:
            raise Rejected(f"{draft.reference} is not sent: {problems[0].message}. {problems[0].fix}")
        return self._api.create(draft, self._settings.batch_id(draft), before_send)

    def complete(self, draft: Draft, document: ErpDocument) -> ErpDocument:
        """The document with its number; unchanged when it has one.

        :raises Retryable: GP does not show it yet. It stays posted, and is looked up again, never created again.
        :raises Conflict: more than one journal carries the reference.
        """
        if document.number is not None:
            return document
        found = self._api.just_created(draft) if document.raw_answer is not None else self._api.find(draft)
        if not found:
            raise Retryable(
                f"{draft.reference} is in Dynamics GP, and its journal number is not shown yet; it is looked up again, never "
                "posted again. If it stays so, somebody deleted it or changed its Reference: settle it with its number",
                delay_s=self._settings.number_delay_s,
            )
        # A copy that finance has voided is none any more.
        found = [one for one in found if one.live] or found
        if len(found) > 1:
            numbers = ", ".join(str(one.number) for one in found)
            raise Conflict(
                f"{draft.reference} is in Dynamics GP more than once (journals {numbers}): delete or void the copy there, then "
                "clear this task"
            )
        return replace(document, number=found[0].number, status=found[0].status)

    def site_checks(self, questions: SiteQuestions) -> list[SiteCheck]:
        """Log-on, company and the policy of new journals; periods and accounts show in :meth:`check`."""
        return Site(self._settings, self._api).checks(questions)

    def cost_centers(self) -> list[CostCenter]:
        """All cost centres. :raises LookupFailed: the list is incomplete."""
        return self._api.cost_centers()

    def employees(self) -> list[Employee]:
        """All employees that the account may see. :raises LookupFailed: the list is incomplete."""
        return self._api.employees()


def _api(http: HttpClient, settings: DynamicsGpSettings, kept: KeptAnswers, clock: Clock) -> Api:
    if settings.api == "sba":
        from include.erps.dynamics_gp.sba import SbaCompany

        return SbaCompany(http, settings)
    # zeep takes a third of a second to import, and most tenants never need it.
    from include.erps.dynamics_gp.soap_company import SoapCompany

    return SoapCompany(http, settings, kept, clock)
