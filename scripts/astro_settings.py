"""``airflow_settings.yaml`` (the Astro CLI's format) as checked objects, and their way into a running Airflow.

The Astro CLI reads this file itself in ``astro dev start``; the demo and the end-to-end tests load the same file here,
through the REST API: a few milliseconds, where one ``airflow connections import`` costs four seconds of imports.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scripts.airflow_api import AirflowApi


class _Entry(BaseModel):
    # Unquoted numbers in passwords and account ids lose leading zeros: strings must be strings.
    model_config = ConfigDict(extra="forbid", strict=True)


class Connection(_Entry):
    conn_id: str
    conn_type: str
    conn_host: str | None = None
    conn_schema: str | None = None
    conn_login: str | None = None
    conn_password: str | None = None
    conn_port: int | None = None
    conn_uri: str | None = None
    conn_extra: dict[str, Any] | None = None

    def as_api(self) -> dict[str, Any]:
        if self.conn_uri:
            raise ValueError(f"connection {self.conn_id}: write conn_host, conn_login ... instead of conn_uri")
        return {
            "connection_id": self.conn_id,
            "conn_type": self.conn_type,
            "host": self.conn_host,
            "schema": self.conn_schema,
            "login": self.conn_login,
            "password": self.conn_password,
            "port": self.conn_port,
            "extra": json.dumps(self.conn_extra or {}),
        }


class Pool(_Entry):
    pool_name: str
    pool_slot: int
    pool_description: str = ""


class Variable(_Entry):
    variable_name: str
    variable_value: str


class AirflowObjects(_Entry):
    connections: list[Connection] = Field(default_factory=list)
    pools: list[Pool] = Field(default_factory=list)
    variables: list[Variable] = Field(default_factory=list)

    def load_into(self, api: AirflowApi) -> None:
        """Pools first: a task that meets a missing pool stays ``scheduled`` without a word."""
        for pool in self.pools:
            api.put_pool(pool.pool_name, pool.pool_slot, pool.pool_description)
        for connection in self.connections:
            api.put_connection(connection.as_api())
        for variable in self.variables:
            api.put_variable(variable.variable_name, variable.variable_value)

    def moved(self, *, ports: Mapping[int, int]) -> "AirflowObjects":
        """The same objects elsewhere: connections on a port named in ``ports`` move to the port it maps to."""

        def move(connection: Connection) -> Connection:
            if connection.conn_port is None or connection.conn_port not in ports:
                return connection
            return connection.model_copy(update={"conn_port": ports[connection.conn_port]})

        return self.model_copy(update={"connections": [move(connection) for connection in self.connections]})

    def connection(self, conn_id: str) -> Connection:
        for connection in self.connections:
            if connection.conn_id == conn_id:
                return connection
        raise KeyError(f"connection {conn_id} is not in airflow_settings.yaml")


class _File(_Entry):
    airflow: AirflowObjects


def read_settings(path: Path) -> AirflowObjects:
    """Read the file; an error names the entry and what is expected."""
    try:
        return _File.model_validate(yaml.safe_load(path.read_text())).airflow
    except ValidationError as error:
        findings = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ValueError(f"{path.name}: {findings}") from error
