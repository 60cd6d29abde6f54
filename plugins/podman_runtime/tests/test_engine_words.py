"""What the engine writes to a command's standard error."""

from __future__ import annotations

import pytest

from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused, RuntimeFailure
from dagu_podman_runtime.engine_words import EngineWords

NOT_FOUND = (
    b'Error: runc: exec failed: unable to start container process: exec: "nope": executable file not found in'
    b" $PATH: OCI runtime attempted to invoke a command that was not found\n"
)
NOISE = b"Error: read unixpacket @->/proc/self/fd/14/attach: read: connection reset by peer\n"
INTERPRETER = b"exec ./x: no such file or directory\n"


class Ear:
    def __init__(self) -> None:
        self.err: list[bytes] = []
        self.out: list[bytes] = []
        self.words = EngineWords(self.err.append)
        self.stdout = self.words.beside(self.out.append)

    def end(self, code: int) -> RuntimeFailure | None:
        failure = self.words.at_the_end(code)
        self.heard = b"".join(self.err)
        return failure


@pytest.mark.parametrize("blocks", [[NOT_FOUND], [NOT_FOUND, NOISE], [NOT_FOUND + NOISE]])
def test_a_command_that_was_not_started(blocks: list[bytes]) -> None:
    ear = Ear()
    for block in blocks:
        ear.words(block)
    failure = ear.end(127)
    assert isinstance(failure, CommandNotFound)
    assert "nope" in failure.message
    assert ear.heard == b""


def test_a_missing_interpreter() -> None:
    ear = Ear()
    ear.words(INTERPRETER)
    assert isinstance(ear.end(1), CommandNotFound)
    assert ear.heard == b""


def test_a_format_that_the_kernel_does_not_know() -> None:
    ear = Ear()
    ear.words(b"exec ./x: exec format error\n")
    assert isinstance(ear.end(1), CommandForbidden)


def test_any_other_reason() -> None:
    ear = Ear()
    ear.words(b"Error: runc: exec failed: no idea: OCI runtime error\n")
    assert isinstance(ear.end(125), RequestRefused)


@pytest.mark.parametrize("text", [NOT_FOUND, INTERPRETER])
def test_the_same_words_of_a_command(text: bytes) -> None:
    # It ended well, it wrote something else too, or it goes on: then they were its own.
    ear = Ear()
    ear.words(text)
    assert ear.end(0) is None
    assert ear.heard == text
    ear = Ear()
    ear.words(text)
    ear.stdout(b"more")
    assert ear.end(127) is None
    assert (ear.heard, ear.out) == (text, [b"more"])
    ear = Ear()
    ear.words(b"before\n")
    ear.words(text)
    assert ear.end(127) is None
    assert ear.heard == b"before\n" + text
    ear = Ear()
    ear.words(text)
    ear.words(b"after\n")
    assert ear.end(127) is None
    assert ear.heard == text + b"after\n"


def test_an_ordinary_message_is_given_at_once() -> None:
    ear = Ear()
    for block in (b"Error: this and that\n", b"exec is what I do\n", b"Error: a: b: OCI no newline"):
        ear.words(block)
    assert ear.err == [b"Error: this and that\n", b"exec is what I do\n", b"Error: a: b: OCI no newline"]


@pytest.mark.parametrize(
    "blocks", [[b"real\n", NOISE], [b"real\n" + NOISE], [b"real\n" + NOISE[:0], NOISE + NOISE]]
)
def test_last_words_about_unread_input_are_dropped(blocks: list[bytes]) -> None:
    ear = Ear()
    for block in blocks:
        ear.words(block)
    assert ear.end(3) is None
    assert ear.heard == b"real\n"


def test_such_words_that_are_not_the_last() -> None:
    ear = Ear()
    ear.words(b"real\n" + NOISE)
    ear.words(b"more\n")
    assert ear.end(3) is None
    assert ear.heard == b"real\n" + NOISE + b"more\n"
