import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.erps.windows_1252 import windows_1252


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Café “Zoë” – €5", "Café “Zoë” – €5"),
        ("Łódź, Đà Nẵng", "Lódz, Dà Nang"),
        ("Škoda š", "Škoda š"),
        ("東京 🍕", "?? ?"),
        ("a\tb\nc\x00d\u2028e", "a b c d e"),
        ("zero\u200bwidth", "zerowidth"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_what_cannot_be_stored_becomes_its_plain_letter(text: str, expected: str) -> None:
    assert windows_1252(text) == expected


def test_a_forbidden_letter_becomes_its_plain_letter() -> None:
    assert windows_1252("Škoda š Š", forbidden="Š") == "Skoda š S"
    assert windows_1252("a|b", forbidden="|") == "a?b"


@given(st.text())
def test_every_text_can_be_stored(text: str) -> None:
    stored = windows_1252(text, forbidden="Š").encode("cp1252")
    assert not [byte for byte in stored if byte < 0x20 or byte in (0x7F, 0x8A)]
