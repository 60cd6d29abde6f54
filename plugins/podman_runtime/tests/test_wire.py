"""HTTP over a socket of our own."""

from __future__ import annotations

import socket

import pytest

from dagu.errors import ContainerNotFound
from dagu_podman_runtime import wire


def answered(*blocks: bytes) -> socket.socket:
    engine, ours = socket.socketpair()
    for block in blocks:
        engine.sendall(block)
    engine.close()
    return ours


def test_what_comes_behind_the_head_is_kept() -> None:
    connection = answered(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nfirst bytes")
    answer = wire.receive(connection)
    assert (answer.status, answer.rest, answer.headers["connection"]) == (101, b"first bytes", "Upgrade")
    wire.check(connection, answer, "c")


@pytest.mark.parametrize(
    "blocks",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n137"],
        [b"HTTP/1.1 200 OK\r\nContent-", b"Length: 3\r\n\r\n1", b"37"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n", b"2\r\n37\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n137"],
    ],
)
def test_bodies(blocks: list[bytes]) -> None:
    connection = answered(*blocks)
    assert wire.body(connection, wire.receive(connection)) == b"137"


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        [b"HTTP/1.1 200 OK\r\nConte"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n137"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n137\r\n"],
    ],
)
def test_an_answer_that_breaks_off(blocks: list[bytes]) -> None:
    connection = answered(*blocks)
    with pytest.raises(ConnectionResetError):
        wire.body(connection, wire.receive(connection))


def test_refusals() -> None:
    text = (
        b'{"cause":"no such container","message":"no container with name or ID \\"c\\" found","response":404}'
    )
    connection = answered(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
    with pytest.raises(ContainerNotFound, match="'c'"):
        wire.check(connection, wire.receive(connection), "c")


def test_requests() -> None:
    engine, ours = socket.socketpair()
    wire.send(ours, "POST", "/p", params={"a": "b c"}, body={"x": "é"}, upgrade=True)
    ours.close()
    text = b""
    while block := engine.recv(1000):
        text += block
    head, _, body = text.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /p?a=b+c HTTP/1.1\r\n")
    assert b"Upgrade: tcp" in head
    assert f"Content-Length: {len(body)}".encode() in head
