"""Lists as downloads: streamed, so that a million rows need no memory, and named so that they can be filed."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from starlette.responses import StreamingResponse


def csv_response(name: str, text: Iterator[str]) -> StreamingResponse:
    """``text`` as a file. Its first piece is made now, so that an error is still an error and not half a file.

    The mark at the beginning tells spreadsheets that it is UTF-8.
    """
    first = next(text, "")
    return StreamingResponse(
        _pieces(first, text),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _pieces(first: str, rest: Iterator[str]) -> Iterator[str]:
    try:
        yield "\ufeff" + first
        yield from rest
    finally:
        # Whoever stops reading half-way must not keep a view of the ledger open.
        if isinstance(rest, Generator):
            rest.close()
