"""The ERPs of the end-to-end suite. The first one is the model: it plays every scenario in every test run."""

from tests.e2e.erps.acumatica import AcumaticaUnderTest
from tests.e2e.erps.dynamics_gp import DynamicsGpUnderTest
from tests.e2e.erps.ifs_cloud import IfsCloudUnderTest
from tests.e2e.erps.sage_100 import Sage100UnderTest
from tests.e2e.erps.syspro import SysproUnderTest
from tests.e2e.erps.under_test import ErpUnderTest

__all__ = ["ERPS"]

ERPS: tuple[ErpUnderTest, ...] = (
    SysproUnderTest(),
    AcumaticaUnderTest(),
    DynamicsGpUnderTest(),
    IfsCloudUnderTest(),
    Sage100UnderTest(),
)
