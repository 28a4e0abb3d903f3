"""The scenarios; importing this package fills ``tests.e2e.suite.SCENARIOS``."""

from tests.e2e.scenarios import windows  # first: the longest  # isort: skip
from tests.e2e.scenarios import crashes, holds, reference_data, setups, telling

__all__ = ["crashes", "holds", "reference_data", "setups", "telling", "windows"]
