"""Podman's stream of frames: eight bytes of head (stream, three zeros, length), then that many bytes.

Source: "Attach to a container" of Podman's libpod API, which took it from Docker's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

STDOUT = 1
STDERR = 2
_HEAD = struct.Struct(">BxxxI")


def blocks(receive: Callable[[], bytes], first: bytes = b"") -> Iterator[tuple[int, bytes]]:
    """Split a stream into blocks, each as large as what was received allows.

    Args:
        receive: Gives the next bytes, empty at the end.
        first: What was received already.

    Yields:
        The stream, 1 or 2, and bytes of it. A frame that the end cuts short is given as far as it came.
    """
    data = first
    while True:
        position, stream = 0, 0
        parts: list[bytes] = []
        while len(data) - position >= _HEAD.size:
            frame, length = _HEAD.unpack_from(data, position)
            start = position + _HEAD.size
            if len(data) - start < length:
                break
            if parts and frame != stream:
                yield stream, b"".join(parts)
                parts = []
            stream = frame
            position = start + length
            if length:
                parts.append(data[start:position])
        if parts:
            yield stream, b"".join(parts)
        more = receive()
        if not more:
            if len(data) - position > _HEAD.size:
                yield data[position], data[position + _HEAD.size :]
            return
        data = data[position:] + more
