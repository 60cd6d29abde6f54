"""Taking a multiplexed stream apart."""

from __future__ import annotations

import itertools
import random
import struct

import pytest

from dagu_docker_runtime.exec_words import FirstWords
from dagu_docker_runtime.logs import _Resuming
from dagu_docker_runtime.streams import StreamCut, demultiplex


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def taken_apart(wire: bytes, sizes: list[int]) -> tuple[list[bytes], list[bytes]]:
    position = 0
    steps = itertools.cycle(sizes)
    out: list[bytes] = []
    err: list[bytes] = []

    def read(_size: int) -> bytes:
        nonlocal position
        step = next(steps)
        block = wire[position : position + step]
        position += step
        return block

    demultiplex(read, out.append, err.append)
    return out, err


@pytest.mark.parametrize("sizes", [[1], [7], [8], [9], [3, 11, 1], [10_000]])
def test_wherever_reads_cut_it(sizes: list[int]) -> None:
    pieces = [
        (1, b"one"),
        (2, b"two"),
        (1, b""),
        (1, bytes(300)),
        (2, b"\x01\x00\x00\x00\x00\x00\x00\x09"),
        (1, b"x"),
    ]
    out, err = taken_apart(b"".join(frame(*piece) for piece in pieces), sizes)
    assert b"".join(out) == b"one" + bytes(300) + b"x"
    assert b"".join(err) == b"two" + b"\x01\x00\x00\x00\x00\x00\x00\x09"


def test_random_streams() -> None:
    chance = random.Random(1)
    for _ in range(50):
        pieces = [(chance.choice((1, 2)), chance.randbytes(chance.randrange(50))) for _ in range(40)]
        sizes = [chance.randrange(1, 60) for _ in range(20)]
        out, err = taken_apart(b"".join(frame(*piece) for piece in pieces), sizes)
        assert b"".join(out) == b"".join(data for stream, data in pieces if stream == 1)
        assert b"".join(err) == b"".join(data for stream, data in pieces if stream == 2)


def test_one_read_is_one_block() -> None:
    out, err = taken_apart(frame(1, b"a") + frame(1, b"b") + frame(2, b"c"), [1000])
    assert (out, err) == ([b"ab"], [b"c"])


@pytest.mark.parametrize("cut", [3, 8, 10])
def test_an_end_within_a_frame(cut: int) -> None:
    with pytest.raises(StreamCut):
        taken_apart(frame(1, b"hello")[:cut], [1000])


def test_a_log_read_twice_is_given_once() -> None:
    out: list[bytes] = []
    sink = _Resuming(out.append)
    for block in (b"abc", b"de"):
        sink(block)
    sink.rewind()
    for block in (b"ab", b"cdef", b"g"):
        sink(block)
    assert b"".join(out) == b"abcdefg"


class TestFirstWords:
    def test_other_words_go_on_at_once(self) -> None:
        out: list[bytes] = []
        words = FirstWords(out.append)
        words(b"O")
        assert out == []
        words(b"K")
        words(b"more")
        assert out == [b"OK", b"more"]

    def test_the_engines_words_are_kept(self) -> None:
        out: list[bytes] = []
        words = FirstWords(out.append)
        words(b"OCI runtime exec fai")
        words(b"led: nope\r\n")
        assert out == []
        assert words.held == b"OCI runtime exec failed: nope\r\n"
        words.pass_on()
        assert out == [b"OCI runtime exec failed: nope\r\n"]

    def test_not_for_ever(self) -> None:
        out: list[bytes] = []
        words = FirstWords(out.append)
        words(b"failed to ")
        words(bytes(10_000))
        assert b"".join(out) == b"failed to " + bytes(10_000)
