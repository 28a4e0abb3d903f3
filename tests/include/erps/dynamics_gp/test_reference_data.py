"""Cost centers and employees of GP: what is told, and what GP takes over SBA."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from include.erps.dynamics_gp.client import DynamicsGpErp
from include.errors import Misconfigured, Rejected, Retryable
from include.reference_data import source
from include.sandbox.dynamics_gp import Company, Employee
from include.sandbox.faults import Fault, Status
from include.sandbox.server import Sandbox

Connect = Callable[..., DynamicsGpErp]
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _people(company: Company) -> None:
    company.add_employee(
        Employee("ACKE0001", "Pilar", "Ackerman", "pilar@fabrikam.example", "SALES", "100", modified=JUNE)
    )
    company.add_employee(Employee("BARB0001", "Angela", "Barbariol", "", "ADMN", "200"))


def test_over_sba_only_what_changed_is_read_with_e_mails(connect: Connect) -> None:
    erp = connect(api="sba")
    pilar = source.Employee("ACKE0001", "pilar@fabrikam.example", "Pilar", "Ackerman", None, True)
    angela = source.Employee("BARB0001", None, "Angela", "Barbariol", None, True)
    assert erp.changed_employees(None) == [pilar, angela]
    assert erp.changed_employees(JUNE) == [pilar]


def test_over_soap_everybody_is_read_and_no_e_mail_is_expected(connect: Connect) -> None:
    found = connect(api="soap").changed_employees(JUNE)
    assert [(one.employee_id, one.email, one.tells_email) for one in found] == [
        ("ACKE0001", None, False),
        ("BARB0001", None, False),
    ]


def test_a_new_cost_center_is_put_over_sba(connect: Connect, company: Company) -> None:
    erp = connect(api="sba")
    assert erp.takes_reference_data
    for _ in range(2):  # a state is set: twice is once
        erp.put_cost_center(source.CostCenter("30 Ä/(x)", "Pier with a name longer than thirty characters", True))
    center = company.cost_centers["30 Ä/(X)"]
    assert (center.code, center.description, center.active) == ("30 Ä/(x)", "Pier with a name longer than t", True)
    assert len(company.cost_centers) == 3


def test_an_e_mail_is_filled_in_and_everything_else_stays(connect: Connect, company: Company) -> None:
    erp = connect(api="sba")
    erp.changed_employees(None)
    erp.put_employee(source.Employee("barb0001", "angela@fabrikam.example", None, None, None, True))
    angela = company.employees["BARB0001"]
    assert (angela.code, angela.first_name, angela.last_name) == ("BARB0001", "Angela", "Barbariol")
    assert (angela.email, angela.department, angela.cost_center) == ("angela@fabrikam.example", "ADMN", "200")


def test_a_new_employee_is_put_over_sba(connect: Connect, company: Company) -> None:
    connect(api="sba").put_employee(source.Employee("RAY0001", "zoe@fabrikam.example", "Zoë", "Ray", None, True))
    zoe = company.employees["RAY0001"]
    assert (zoe.first_name, zoe.last_name, zoe.email, zoe.active) == ("Zoë", "Ray", "zoe@fabrikam.example", True)


def test_a_refusal_comes_in_gps_own_words(connect: Connect) -> None:
    name = "A-given-name-of-more-than-fifteen"
    with pytest.raises(Rejected, match=r"the employee RAY0001: FirstName has more than 15 characters"):
        connect(api="sba").put_employee(source.Employee("RAY0001", "zoe@fabrikam.example", name, "Ray", None, True))


def test_an_unclear_answer_is_tried_again_later(connect: Connect, box: Sandbox, company: Company) -> None:
    box.faults.add(Fault("dynamics_gp", "PUT CostCenters()", Status(500), when="before"))
    with pytest.raises(Retryable, match="the cost center 300"):
        connect(api="sba").put_cost_center(source.CostCenter("300", "Pier", True))
    assert "300" not in company.cost_centers


def test_paths_are_the_customers_own(connect: Connect) -> None:
    with pytest.raises(Misconfigured, match=r"erp\.paths"):
        connect(api="sba", paths={"cost_centers": "/Financial/Centres"}).put_cost_center(
            source.CostCenter("300", "Pier", True)
        )


def test_the_web_services_take_nothing(connect: Connect) -> None:
    assert not connect(api="soap").takes_reference_data
