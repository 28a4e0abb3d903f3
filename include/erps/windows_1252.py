"""Text for ERPs whose database holds one byte per character (Windows-1252)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Letters that Unicode does not decompose, and punctuation that has a plain equivalent.
_PLAIN = str.maketrans(
    {
        "Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "Ŧ": "T", "ŧ": "t", "ı": "i", "ĸ": "k",
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2015": "-", "\u2212": "-",
    }
)  # fmt: skip


def windows_1252(text: str, forbidden: str = "") -> str:
    """``text`` in characters of Windows-1252 without ``forbidden``; others become their plain letter, else ``?``.

    Control characters, which XML forbids too, become blanks; invisible ones (zero-width, joiners) go.
    """
    normal = unicodedata.normalize("NFC", text).translate(_PLAIN)
    return "".join(_storable(character, forbidden) for character in normal)


@lru_cache(maxsize=1024)
def _storable(character: str, forbidden: str) -> str:
    category = unicodedata.category(character)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    if category == "Cf":
        return ""
    if _encodable(character, forbidden):
        return character
    parts = unicodedata.normalize("NFKD", character).translate(_PLAIN)
    return "".join(part for part in parts if _encodable(part, forbidden)) or "?"


def _encodable(character: str, forbidden: str) -> bool:
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return character not in forbidden
