"""Reading a collection: query options, order, pages, and the JSON that comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from include.sandbox.ifs_cloud.entities import EntitySet
from include.sandbox.ifs_cloud.errors import Refused, malformed, unknown_property
from include.sandbox.ifs_cloud.expressions import Row, predicate
from include.sandbox.stage import Answer

__all__ = ["Pages", "entity_answer", "options_of", "pick"]

_KNOWN = {"$filter", "$orderby", "$select", "$top", "$skip", "$count", "$skiptoken"}


@dataclass
class Pages:
    """How this server pages: the largest page; whether it says that there are more, also with `$top`, and then no further
    than `$top` reaches; the size at which a page ends in an error."""

    default_size: int = 1000
    gives_next_link: bool = True
    next_link_despite_top: bool = False
    links_end_at_top: bool = False
    relative_links: bool = False
    too_large: int = 5000


def options_of(raw_query: str) -> dict[str, str]:
    """Query options, percent-decoded and nothing else: a plus stays a plus."""
    found: dict[str, str] = {}
    for pair in filter(None, raw_query.split("&")):
        name, _, value = pair.partition("=")
        try:
            name, value = unquote(name, errors="strict"), unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise malformed("The query is not UTF-8.") from None
        if name == "$expand":
            raise Refused(501, "ODP_NOT_IMPLEMENTED", "Expand is not implemented.")
        if name.startswith("$") and name not in _KNOWN:
            raise malformed(f"Unknown system query option {name}.")
        found[name] = value
    return found


def pick(
    entity_set: EntitySet,
    name: str,
    rows: Sequence[Row],
    options: Mapping[str, str],
    preferred_size: int | None,
    pages: Pages,
) -> tuple[list[Row], str | None]:
    """The rows of one page, and the query of the next one when there is to be a link."""
    if "$filter" in options:
        test = predicate(options["$filter"], entity_set.schema, name)
        rows = [row for row in rows if test(row)]
    rows = _ordered(rows, options.get("$orderby"), entity_set, name)
    top, skip = _count(options, "$top"), _count(options, "$skip") or 0
    start = skip + (_count(options, "$skiptoken") or 0)
    size = min(part for part in (top, preferred_size or pages.default_size) if part is not None)
    if (top or 0) >= pages.too_large or (preferred_size or 0) >= pages.too_large:
        raise Refused(500, "SERVER_ERROR", "Internal server error.")
    if pages.links_end_at_top and top is not None:
        rows = rows[: skip + top]
    page = [_selected(row, options.get("$select"), entity_set, name) for row in rows[start : start + size]]
    more = start + len(page) < len(rows)
    if not more or not (pages.next_link_despite_top if top is not None else pages.gives_next_link):
        return page, None
    kept = {key: value for key, value in options.items() if key != "$skiptoken"}
    follow = {**kept, "$skiptoken": str(start - skip + len(page))}
    return page, "&".join(f"{key}={quote(value, safe='')}" for key, value in follow.items())


def _ordered(rows: Sequence[Row], orderby: str | None, entity_set: EntitySet, name: str) -> list[Row]:
    found = list(rows)
    for part in reversed([part.strip() for part in orderby.split(",")] if orderby else []):
        column, _, direction = part.partition(" ")
        if column not in entity_set.schema:
            raise unknown_property(column, name)
        if direction not in ("", "asc", "desc"):
            raise malformed(f"Unexpected {direction!r}.")
        found.sort(key=lambda row: (row[column] is not None, row[column]), reverse=direction == "desc")
    return found


def _count(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()):
        raise malformed(f"{name} is not a number.")
    return int(text)


def _selected(row: Row, select: str | None, entity_set: EntitySet, name: str) -> Row:
    names = [part.strip() for part in select.split(",")] if select else list(entity_set.schema)
    for column in names:
        if column not in entity_set.schema:
            raise unknown_property(column, name)
    tagged = {"@odata.etag": row["@odata.etag"]} if "@odata.etag" in row else {}
    return {**tagged, **{column: row[column] for column in names}}


def entity_answer(
    values: Mapping[str, Any], accept: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """A JSON answer; decimals are texts only for a client that asked for it."""
    texts = "ieee754compatible=true" in accept.lower().replace(" ", "")
    kind = "application/json;odata.metadata=minimal" + (";IEEE754Compatible=true" if texts else "")
    body = json.dumps(_plain(values, texts), ensure_ascii=False).encode()
    return Answer(body, status, {"Content-Type": kind, "OData-Version": "4.0", **(headers or {})})


def _plain(value: Any, texts: bool) -> Any:
    match value:
        case dict():
            return {name: _plain(part, texts) for name, part in value.items()}
        case list():
            return [_plain(part, texts) for part in value]
        case Decimal():
            if texts:
                return str(value)
            return int(value) if value == value.to_integral_value() else float(value)
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case date():
            return value.isoformat()
    return value
