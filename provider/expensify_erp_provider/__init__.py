"""Airflow connection types for Expensify and five ERPs: labels, placeholders and extras as fields of their own.

Airflow reads this without importing a hook; a hook is imported when somebody presses Test. The names of the extra fields are
those that the hooks read from any connection, so a connection of type ``http`` with the same extras works just as well.
"""

from __future__ import annotations

from typing import Any

HOOKS = "expensify_erp.hooks.forms"

Field = dict[str, Any]


def get_provider_info() -> dict[str, Any]:
    """What Airflow asks an ``apache_airflow_provider`` entry point for."""
    return {
        "package-name": "expensify-erp-provider",
        "name": "Expensify to ERP ledgers",
        "description": "Connections to Expensify, SYSPRO, Acumatica, Dynamics GP, Sage 100 and IFS Cloud.",
        "connection-types": [
            _type(
                "expensify",
                "Expensify",
                "ExpensifyForm",
                login="Partner user ID",
                password="Partner user secret",
                host="integrations.expensify.com",
                examples={"login": "aa_...", "password": "shown once, when the pair is made"},
            ),
            _type(
                "syspro",
                "SYSPRO",
                "SysproForm",
                login="Operator",
                password="Operator's password",
                host="syspro.example.com",
                examples={"login": "an operator that nobody else uses"},
                fields={
                    "company_id": _text("Company", "The company's ID, such as EDU1.", required=True),
                    "company_password": _secret("Company's password", "Empty where the company has none."),
                },
            ),
            _type(
                "acumatica",
                "Acumatica",
                "AcumaticaForm",
                login="User",
                password="Password",
                host="erp.example.com",
                fields={
                    "client_id": _text("Client ID", "Of the connected application, with the tenant: 5EB4...@Company."),
                    "client_secret": _secret("Client secret", "Of the connected application."),
                    "tenant": _text("Tenant", "Only for erp.auth: cookie, which has no client."),
                },
            ),
            _type(
                "dynamics_gp",
                "Microsoft Dynamics GP",
                "DynamicsGpForm",
                login="Windows account",
                password="Password",
                host="gp.example.com",
                examples={"login": "DOMAIN\\user or user@domain", "port": "48620"},
                fields={
                    "auth": _text(
                        "Log-on", "negotiate (Kerberos) or ntlm.", enum=["negotiate", "ntlm"], default="negotiate"
                    ),
                    "realm": _text("Kerberos realm", "Where the login does not name it."),
                    "service_host": _text("Kerberos service host", "Where it is not the host above."),
                },
            ),
            _type(
                "sage_100",
                "Sage 100",
                "Sage100Form",
                login="Sage user",
                password="Password",
                host="sage.example.com",
                fields={"api_key": _secret("Agent's API key", "Not used with erp.api: soap.")},
            ),
            _type(
                "ifs_cloud",
                "IFS Cloud",
                "IfsCloudForm",
                login="Client ID",
                password="Client secret",
                host="ifs.example.com",
                fields={
                    "realm": _text("Realm", "Of the identity and access manager; or the token path below."),
                    "token_path": _text("Token path", "Of the token endpoint: a path, or a whole https address."),
                },
            ),
        ],
    }


def _type(
    connection_type: str,
    name: str,
    hook: str,
    *,
    login: str,
    password: str,
    host: str,
    examples: dict[str, str] | None = None,
    fields: dict[str, Field] | None = None,
) -> dict[str, Any]:
    """One connection type. Every extra that its hook reads is a field, so the raw JSON is not shown."""
    return {
        "connection-type": connection_type,
        "hook-name": name,
        "hook-class-name": f"{HOOKS}.{hook}",
        "ui-field-behaviour": {
            "hidden-fields": ["extra"],
            "relabeling": {"login": login, "password": password, "schema": "Scheme"},
            "placeholders": {"host": host, "schema": "https", **(examples or {})},
        },
        "conn-fields": {
            **(fields or {}),
            "verify": _text("Verify TLS", "true, false, or the path of a CA bundle; empty means true."),
        },
    }


def _text(
    label: str, description: str, *, required: bool = False, enum: list[str] | None = None, default: str | None = None
) -> Field:
    schema: dict[str, Any] = {"type": "string" if required else ["string", "null"]}
    if enum is not None:
        schema["enum"] = enum
    if default is not None:
        schema["default"] = default
    return {"label": label, "description": description, "schema": schema}


def _secret(label: str, description: str) -> Field:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], "format": "password"}}
