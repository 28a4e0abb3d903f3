"""What every HTTP connection of this package has in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.log import mask_secret

from include.errors import Misconfigured


@dataclass(frozen=True)
class Endpoint:
    """Address and credentials of one system. ``verify``: true, false, or a CA bundle's path."""

    conn_id: str
    base_url: str
    host: str
    login: str
    password: str
    extra: dict[str, Any]
    verify: bool | str


def endpoint_of(connection: Connection) -> Endpoint:
    """Read a connection of type ``http``: schema, host, port, login, password and extra.

    :raises Misconfigured: host, login or password is missing, or ``verify`` is neither a boolean nor a path.
    """
    name = connection.conn_id
    for field in ("host", "login", "password"):
        if not getattr(connection, field):
            raise Misconfigured(f"the connection {name} has no {field}: fill it in under Admin > Connections")
    extra = connection.extra_dejson
    verify = extra.get("verify", True)
    if isinstance(verify, str) and verify.lower() in ("true", "false"):
        verify = verify.lower() == "true"
    if not isinstance(verify, bool | str):
        raise Misconfigured(f"the connection {name} has `verify` = {verify!r}: use true, false or a CA bundle's path")
    host = str(connection.host)
    scheme, has_scheme, rest = host.partition("://")
    if has_scheme:
        host = rest
    else:
        scheme = connection.schema or "https"
    host = host.rstrip("/")
    place = f"{host}:{connection.port}" if connection.port else host
    for secret in (connection.password, *_secrets_in(extra)):
        mask_secret(secret)
    return Endpoint(
        conn_id=name,
        base_url=f"{scheme}://{place}",
        host=place,
        login=str(connection.login),
        password=str(connection.password),
        extra=extra,
        verify=verify,
    )


def _secrets_in(extra: dict[str, Any]) -> list[str]:
    return [
        str(value)
        for name, value in extra.items()
        if value and any(word in name for word in ("password", "secret", "key", "token"))
    ]
