"""A simulated Dynamics GP: SOAP Web Services and an SBA service behind Windows authentication."""

from include.sandbox.dynamics_gp.books import Account, Company, CostCenter, Employee, Journal, JournalLine, Period
from include.sandbox.dynamics_gp.handshake import Door, WindowsAccount
from include.sandbox.dynamics_gp.service import DynamicsGp

__all__ = [
    "Account",
    "Company",
    "CostCenter",
    "Door",
    "DynamicsGp",
    "Employee",
    "Journal",
    "JournalLine",
    "Period",
    "WindowsAccount",
]
