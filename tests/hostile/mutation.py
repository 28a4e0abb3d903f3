"""Good answers with one thing wrong: a value of another type, a field or an element gone, doubled, renamed or moved."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

from lxml import etree

from tests.hostile.proxy import Answer, Malice, plain

JSON_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**40,
    "",
    " ",
    "NaN",
    "1e999999",
    "-0.001",
    "9" * 200,
    "2026-02-30",
    "0001-01-01T00:00:00-14:00",
    "x" * 5000,
    "\u0000",
    "\u202e",
    [],
    {},
    [None],
    [[]],
    {"value": None},
    {"value": {}},
)
XML_TEXTS = ("", " ", "x", "-1", "NaN", "1e999999", "9" * 200, "2026-02-30", "true", "\u202e", "0" * 5000, "<", "INF")


def mutated(random: Random) -> Malice:
    """The honest answer with one to three changes, chosen by ``random``."""

    def malice(answer: Answer) -> Iterator[bytes]:
        yield plain(answer, mutate(answer.body, random))

    return malice


def mutate(body: bytes, random: Random) -> bytes:
    try:
        value = json.loads(body)
    except ValueError:
        return _xml(body, random)
    if isinstance(value, str):
        inner = mutate(value.encode(), random)
        return json.dumps(inner.decode("utf-8", "replace")).encode()
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        value = _json(value, random)
    return json.dumps(value).encode()


def _json(value: Any, random: Random) -> Any:
    places = list(_places(value, ()))
    if not places:
        return random.choice(JSON_VALUES)
    path = random.choice(places)
    changed = copy.deepcopy(value)
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    last = path[-1]
    match random.randrange(6):
        case 0:
            del parent[last]
        case 1 if isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        case 1:
            parent[f"{last}_"] = parent.pop(last)
        case 2:
            parent[last] = [parent[last]]
        case 3:
            parent[last] = {"value": parent[last]}
        case _:
            parent[last] = copy.deepcopy(random.choice(JSON_VALUES))
    return changed


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inner:
        yield (*path, step)
        yield from _places(part, (*path, step))


def _xml(body: bytes, random: Random) -> bytes:
    try:
        root = etree.fromstring(body)
    except (etree.XMLSyntaxError, ValueError):
        return _bytes(body, random)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        _change(root, random)
    return etree.tostring(root)


def _change(root: etree._Element, random: Random) -> None:
    elements = [one for one in root.iter() if isinstance(one.tag, str)]
    one = random.choice(elements)
    parent = one.getparent()
    match random.randrange(8):
        case 0 if parent is not None:
            parent.remove(one)
        case 1 if parent is not None:
            parent.append(copy.deepcopy(one))
        case 2:
            one.tag = "Other"
        case 3:
            one.tag = etree.QName(one).localname
        case 4:
            one.attrib["{http://www.w3.org/2001/XMLSchema-instance}nil"] = random.choice(["true", "x"])
        case 5:
            one.attrib["{http://www.w3.org/2001/XMLSchema-instance}type"] = random.choice(["x:Nothing", "Other", ""])
        case 6:
            one.append(etree.Element("Inner"))
        case _:
            one.text = (
                random.choice(XML_TEXTS)
                if not (one.text or "").lstrip().startswith("<")
                else _inner(one.text or "", random)
            )


def _inner(text: str, random: Random) -> str:
    """SYSPRO's documents travel as text inside another document."""
    return mutate(text.encode(), random).decode("utf-8", "replace").replace("\x00", "")


def _bytes(body: bytes, random: Random) -> bytes:
    at = random.randrange(len(body) + 1)
    return body[:at] + bytes([random.randrange(256)]) + body[at + random.randrange(3) :]
