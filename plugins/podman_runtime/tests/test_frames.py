"""Podman's stream of frames."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from dagu_podman_runtime import frames

FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=50)), max_size=20)


def encoded(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


def joined(blocks: list[tuple[int, bytes]], stream: int) -> bytes:
    return b"".join(data for number, data in blocks if number == stream)


@given(FRAMES, st.lists(st.integers(1, 40), max_size=60), st.integers(0, 20))
def test_any_cut_gives_the_same_bytes(made: list[tuple[int, bytes]], cuts: list[int], first: int) -> None:
    wire = b"".join(encoded(*frame) for frame in made)
    rest = wire[first:]
    pieces = []
    for cut in cuts:
        if rest:
            pieces.append(rest[:cut])
            rest = rest[cut:]
    if rest:
        pieces.append(rest)
    feed = iter([*pieces, b""])
    found = list(frames.blocks(lambda: next(feed), wire[:first]))
    for stream in (1, 2):
        assert joined(found, stream) == joined(made, stream)
    assert all(data for _, data in found)


def test_frames_of_one_stream_become_one_block() -> None:
    feed = iter([encoded(1, b"a") + encoded(1, b"b") + encoded(2, b"c") + encoded(1, b"d"), b""])
    assert list(frames.blocks(lambda: next(feed))) == [(1, b"ab"), (2, b"c"), (1, b"d")]


def test_a_frame_that_the_end_cuts_short() -> None:
    feed = iter([encoded(1, b"whole") + encoded(2, b"cut short")[:-3], b""])
    assert list(frames.blocks(lambda: next(feed))) == [(1, b"whole"), (2, b"cut sh")]


def test_an_end_within_a_head() -> None:
    feed = iter([encoded(1, b"whole") + b"\x01\0\0\0\0", b""])
    assert list(frames.blocks(lambda: next(feed))) == [(1, b"whole")]
