"""Lists as downloads: streamed, so that a million rows need no memory, and named so that they can be filed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from starlette.responses import StreamingResponse


def csv_response(name: str, text: Iterator[str]) -> StreamingResponse:
    """``text`` as a file. Its first piece is made now, so that an error is still an error and not half a file.

    The mark at the beginning tells spreadsheets that it is UTF-8.
    """
    first = next(text, "")
    return StreamingResponse(
        chain(["\ufeff" + first], text),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
