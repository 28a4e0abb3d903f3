"""The Expensify Integration Server, as its documentation and public recordings describe it."""

from include.sandbox.expensify.limits import RateLimits
from include.sandbox.expensify.render import MARKER
from include.sandbox.expensify.service import Expensify
from include.sandbox.expensify.state import Job, Policy, StoredFile

__all__ = ["MARKER", "Expensify", "Job", "Policy", "RateLimits", "StoredFile"]
