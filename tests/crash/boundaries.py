"""What a request or a commit is, in the words of the protocol."""

from __future__ import annotations

from collections.abc import Sequence

from tests.crash.channels import Channel
from tests.crash.servers import Request


def request_boundary(channel: Channel, request: Request, requests: Sequence[Request]) -> str:
    """The boundary that a request crosses, among all requests of a run."""
    operation = request.operation
    known = {"file": "export", "download": "download", "file:mark": "mark"}
    if request.service == "expensify":
        return known.get(operation, operation)
    if operation == channel.create:
        return "create"
    if operation.startswith(channel.release):
        return "release" if operation.startswith("POST") else "release status"
    if operation.casefold() in ("logon", "token", "login"):
        return "log on"
    if operation.casefold() in ("logoff", "logout"):
        return "log off"
    if request.task.startswith("load"):
        searching = any(operation.startswith(one) for one in channel.search)
        if searching and request.n > create_of(channel, requests).n:
            return "number look-up"
        return "look-up" if searching else f"read {operation}"
    return f"check {operation}"


def commit_boundary(task: str, written: str) -> str:
    """The boundary that a commit crosses, from the tables it wrote."""
    tables = set(written.split(", "))
    if "insert expense" in tables:
        return "claim"
    if "insert attempt" in tables:
        return "state change: ready to posting"
    if "insert event" in tables:
        return "confirm" if task.startswith("load") else "state change: checked"
    if {"update journal"} == tables:
        return "number and status noted" if task.startswith("load") else "announced noted"
    names = {
        "insert run": "run registered",
        "update run": "covered window noted",
        "update attempt": "lease",
        "update report": "mark noted",
        "": "transaction that only locks",
    }
    if "cached_token" in written:
        return "token kept"
    if "limiter" in written:
        return "request budget"
    if "run_journal" in written:
        return "run's list"
    return names.get(written, written)


def create_of(channel: Channel, requests: Sequence[Request]) -> Request:
    """The create of the first box."""
    return next(one for one in requests if one.task == "load_0" and one.operation == channel.create)
