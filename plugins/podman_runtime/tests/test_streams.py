"""The pump, over a pair of sockets in the engine's place."""

from __future__ import annotations

import io
import os
import socket
import threading

import pytest

from dagu.contracts.streams import Streams
from dagu_podman_runtime.streams import Pump

from .test_frames import encoded

GUARD = 60.0


class Failure(Exception):
    """What a sink or a source raises."""


def drain(engine: socket.socket) -> bytes:
    engine.settimeout(GUARD)
    data = b""
    while block := engine.recv(65536):
        data += block
    return data


def test_output_comes_apart_and_input_goes_in() -> None:
    engine, ours = socket.socketpair()
    out: list[bytes] = []
    err: list[bytes] = []
    pump = Pump(ours, encoded(1, b"first "), Streams(out.append, err.append, io.BytesIO(b"input")))
    engine.sendall(encoded(1, b"out") + encoded(2, b"err") + encoded(0, b"echo"))
    assert drain(engine) == b"input"  # the end of the source is the end of the input, and of nothing else
    engine.sendall(encoded(1, b" late"))
    engine.close()
    pump.join()
    assert b"".join(out) == b"first out late"
    assert b"".join(err) == b"err"


def test_input_on_a_connection_of_its_own() -> None:
    (engine, ours), (input_engine, input_ours) = socket.socketpair(), socket.socketpair()
    pump = Pump(ours, b"", Streams(stdin=io.BytesIO(b"input")), input=input_ours)
    assert drain(input_engine) == b"input"
    engine.close()
    pump.join()
    assert ours.fileno() == input_ours.fileno() == -1


def test_close_wakes_join_and_may_be_repeated() -> None:
    engine, ours = socket.socketpair()
    reader, writer = os.pipe()
    with open(reader, "rb", buffering=0) as source:
        pump = Pump(ours, b"", Streams(stdin=source))
        joining = threading.Thread(target=pump.join)
        joining.start()
        pump.close()
        joining.join(GUARD)
        assert not joining.is_alive()
        pump.close()
        pump.join()
        os.close(writer)
    assert drain(engine) == b""


def test_a_failing_sink_ends_the_streams() -> None:
    engine, ours = socket.socketpair()

    def sink(_block: bytes) -> None:
        raise Failure

    pump = Pump(ours, b"", Streams(stdout=sink))
    engine.sendall(encoded(1, b"x"))
    with pytest.raises(Failure):
        pump.join()
    assert drain(engine) == b""


def test_a_failing_source_is_told() -> None:
    engine, ours = socket.socketpair()

    class Source:
        def read(self, _size: int = -1, /) -> bytes:
            raise Failure

    pump = Pump(ours, b"", Streams(stdin=Source()))
    with pytest.raises(Failure):
        pump.join()
    engine.close()


def test_a_process_that_leaves_its_input() -> None:
    engine, ours = socket.socketpair()
    out: list[bytes] = []
    pump = Pump(ours, b"", Streams(stdout=out.append, stdin=io.BytesIO(bytes(50_000_000))))
    engine.sendall(encoded(1, b"done"))
    engine.close()
    pump.join()
    assert out == [b"done"]


def test_input_is_held_back() -> None:
    engine, ours = socket.socketpair()
    allowed = iter([3, 2, 100])
    pump = Pump(ours, b"", Streams(stdin=io.BytesIO(b"0123456789")), throttle=lambda: next(allowed))
    assert drain(engine) == b"0123456789"
    engine.close()
    pump.join()


def test_input_that_nobody_will_read_is_not_sent() -> None:
    engine, ours = socket.socketpair()
    pump = Pump(ours, b"", Streams(stdin=io.BytesIO(b"0123456789")), throttle=lambda: 0)
    engine.sendall(encoded(1, b"x"))
    engine.shutdown(socket.SHUT_WR)
    pump.join()
    assert drain(engine) == b""


def test_what_a_buffered_file_has_is_sent_at_once() -> None:
    engine, ours = socket.socketpair()
    reader, writer = os.pipe()
    with open(reader, "rb") as source:  # buffered: `read` would wait for a whole block
        pump = Pump(ours, b"", Streams(stdin=source))
        os.write(writer, b"word")
        engine.settimeout(GUARD)
        assert engine.recv(10) == b"word"
        os.close(writer)
        assert drain(engine) == b""
        engine.close()
        pump.join()
