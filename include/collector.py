"""Python's garbage collector, out of the way while millions of small objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No search for reference cycles inside. Reference counting goes on as always.

    The collector walks everything that is alive again whenever it has grown by a quarter, and finds nothing: reports and
    expenses hold no cycles. It more than doubled what making and keeping them costs.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
