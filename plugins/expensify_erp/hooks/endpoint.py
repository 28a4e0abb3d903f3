"""What every HTTP connection of this package has in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.log import mask_secret

from include.errors import Misconfigured

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoint:
    """Address and credentials of one system.

    ``host`` names the machine in the ledger: lower case, with a port only where it is not the scheme's own, so that another
    spelling of the same address is the same system. ``verify``: true, false, or a CA bundle's path.
    """

    conn_id: str
    base_url: str
    host: str
    login: str
    password: str
    extra: dict[str, Any]
    verify: bool | str


def endpoint_of(connection: Connection) -> Endpoint:
    """Read a connection of type ``http`` or of our own: schema, host, port, login, password and extra.

    Fields of the extra that a form left empty count as not given.

    :raises Misconfigured: host, login or password is missing, the scheme is not HTTP, or ``verify`` is neither a boolean nor
        the path of a file.
    """
    name = connection.conn_id
    for field in ("host", "login", "password"):
        if not getattr(connection, field):
            raise Misconfigured(f"the connection {name} has no {field}: fill it in under Admin > Connections")
    extra = {key: value for key, value in connection.extra_dejson.items() if value not in (None, "")}
    verify = extra.get("verify", True)
    if isinstance(verify, str) and verify.lower() in ("true", "false"):
        verify = verify.lower() == "true"
    if not (isinstance(verify, bool) or (isinstance(verify, str) and Path(verify).is_file())):
        raise Misconfigured(
            f"the connection {name} has `verify` = {verify!r}: use true, false or the path of a CA bundle that exists here"
        )
    scheme, has_scheme, host = str(connection.host).partition("://")
    if not has_scheme:
        scheme, host = connection.schema or "https", scheme
    scheme, host = scheme.lower(), host.rstrip("/").lower()
    if scheme not in DEFAULT_PORTS:
        raise Misconfigured(f"the connection {name} has the schema {scheme!r}: use http or https")
    port = connection.port if connection.port != DEFAULT_PORTS[scheme] else None
    place = f"{host}:{port}" if port else host
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
        if value and any(word in name.lower() for word in ("password", "secret", "key", "token"))
    ]
