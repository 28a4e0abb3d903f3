"""How a worker of the cluster demo calls itself: Airflow writes it beside every task it runs (``hostname_callable``).

On one machine all workers share a host name, and nobody could tell which of them runs a task.
"""

import os
import socket

VARIABLE = "CLUSTER_WORKER"


def worker_name() -> str:
    return os.environ.get(VARIABLE) or socket.gethostname()
