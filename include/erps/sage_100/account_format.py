"""How a company writes its account numbers, such as ``-N03N02N02``.

The first character separates the segments; each segment is ``N`` (digits) or ``A`` (letters and digits) with its length in
two digits. Sage compares the whole text: ``600-1-0`` is not ``600-01-00``, and a Sage that creates missing accounts would
rather open a new account than refuse it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FORMAT = re.compile(r"([^A-Za-z0-9])((?:[AN][0-9]{2}){1,10})", re.ASCII)
_SEGMENT = re.compile(r"([AN])([0-9]{2})", re.ASCII)


@dataclass(frozen=True)
class Segment:
    """One part of an account number: ``digits`` only, or letters and digits, of at most ``length`` characters."""

    digits: bool
    length: int


@dataclass(frozen=True)
class AccountFormat:
    """A company's account format. ``text`` is how Sage writes it."""

    text: str
    separator: str
    segments: tuple[Segment, ...]

    @classmethod
    def parse(cls, text: str) -> AccountFormat:
        """Read ``-N03N02N02``.

        :raises ValueError: it is no account format.
        """
        match = _FORMAT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no account format; Sage 100 writes it like -N03N02N02")
        segments = tuple(Segment(kind == "N", int(length)) for kind, length in _SEGMENT.findall(match[2]))
        if any(segment.length == 0 for segment in segments):
            raise ValueError(f"the account format {text!r} has a segment without length")
        return cls(text, match[1], segments)

    def written(self, account: str) -> str:
        """``account`` as Sage stores it: numeric segments filled with zeros on the left, letters in upper case.

        :raises ValueError: it does not fit the format; the sentence says which segment.
        """
        parts = account.strip().split(self.separator)
        if len(parts) != len(self.segments):
            raise ValueError(
                f"{account!r} has {len(parts)} segments and the format {self.text} has {len(self.segments)}"
            )
        return self.separator.join(
            _segment(account, number, part.strip(), segment)
            for number, (part, segment) in enumerate(zip(parts, self.segments, strict=True), start=1)
        )


def _segment(account: str, number: int, part: str, segment: Segment) -> str:
    if not part:
        raise ValueError(f"segment {number} of {account!r} is empty")
    if len(part) > segment.length:
        raise ValueError(f"segment {number} of {account!r} is longer than {segment.length} characters")
    if not part.isascii() or not part.isalnum():
        raise ValueError(f"segment {number} of {account!r} may hold only letters and digits")
    if segment.digits:
        if not part.isdigit():
            raise ValueError(f"segment {number} of {account!r} may hold only digits")
        return part.zfill(segment.length)
    return part.upper()
