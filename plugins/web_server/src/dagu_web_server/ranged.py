"""A file, or a part of it, as an answer; one that may grow meanwhile."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from starlette.responses import StreamingResponse

from dagu_web_server.problems import Problem

_ONE_RANGE = re.compile(r"bytes=(\d{1,18})?-(\d{1,18})?", re.ASCII)
_BLOCK = 64 * 1024


def file_response(path: str, wanted: str, *, name: str) -> StreamingResponse:
    """The file as it is now, or the range of it that is wanted.

    Starlette's own answer sends what was added meanwhile, too: more than it announced.

    Args:
        wanted: The header ``Range``. One that is not a single range of bytes is ignored (RFC 9110, 14.2).
        name: What a browser saves it as.

    Raises:
        Problem: There is no file, or it has no such range.
    """
    try:
        size = os.stat(path).st_size
    except FileNotFoundError:
        raise Problem(404, "nothing was written") from None
    start, end = 0, size
    headers = {"Accept-Ranges": "bytes", "Content-Disposition": f'inline; filename="{name}"'}
    match = _ONE_RANGE.fullmatch(wanted.strip())
    partial = match is not None and match[0] != "bytes=-"
    if match is not None and partial:
        start, end = _bounds(match[1], match[2], size)
        if start >= end:
            raise Problem(416, f"the file has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    return StreamingResponse(
        _blocks(path, start, end),
        status_code=206 if partial else 200,
        headers=headers,
        media_type="text/plain; charset=utf-8",
    )


def _bounds(first: str | None, last: str | None, size: int) -> tuple[int, int]:
    if first is None:
        return max(0, size - int(last or 0)), size
    return int(first), min(size, int(last) + 1) if last else size


def _blocks(path: str, start: int, end: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        file.seek(start)
        while start < end and (block := file.read(min(_BLOCK, end - start))):
            start += len(block)
            yield block
