"""From what Podman says to dagu's errors. The texts are Podman's, runc's and crun's own."""

from __future__ import annotations

import pytest

from dagu.errors import (
    CommandForbidden,
    CommandNotFound,
    ContainerNotFound,
    EngineForbidden,
    EngineLost,
    EngineUnreachable,
    ImageNotFound,
    NameTaken,
    RequestRefused,
    RuntimeFailure,
)
from dagu_podman_runtime.errors import brief, command_failure, refusal, transport

RUNC = "runc: runc create failed: unable to start container process: "
GONE = "OCI runtime attempted to invoke a command that was not found"
DENIED = "OCI permission denied"

TEXTS = [
    (GONE, f'{RUNC}exec: "nope": executable file not found in $PATH: {GONE}', CommandNotFound, "nope"),
    (
        GONE,
        f'{RUNC}exec: "/no/such": stat /no/such: no such file or directory: {GONE}',
        CommandNotFound,
        "/no/such",
    ),
    (
        "OCI runtime error",
        f'{RUNC}exec: "/bin/sh/x": stat /bin/sh/x: not a directory: OCI runtime error',
        CommandNotFound,
        "/bin/sh/x",
    ),
    (
        GONE,
        f"crun: executable file `nope` not found in $PATH: No such file or directory: {GONE}",
        CommandNotFound,
        "nope",
    ),
    (GONE, f"crun: exec container process `/x`: No such file or directory: {GONE}", CommandNotFound, "/x"),
    (DENIED, f'{RUNC}exec: "/etc/passwd": permission denied: {DENIED}', CommandForbidden, "/etc/passwd"),
    (DENIED, f"crun: open executable: Permission denied: {DENIED}", CommandForbidden, "Permission denied"),
    ("x", "crun: exec container process `/x`: Exec format error: OCI runtime error", CommandForbidden, "/x"),
    (
        GONE,
        f'{RUNC}chdir to cwd ("/no") set in config.json failed: no such file or directory: {GONE}',
        RequestRefused,
        "/no",
    ),
    (
        GONE,
        f'{RUNC}error during container init: error mounting "/src" at "/dst": no such file or directory: {GONE}',
        RequestRefused,
        "/src",
    ),
    (
        "no such container",
        'no container with name or ID "c" found: no such container',
        ContainerNotFound,
        "'subject'",
    ),
    ("image not known", "docker.io/library/nope: image not known", ImageNotFound, "subject"),
    ("that name is already in use", 'the container name "n" is already in use by 48c4', NameTaken, "subject"),
    (
        "container already exists",
        "container 31e9 has dependent containers which must be removed before it: 8f00: container already exists",
        RequestRefused,
        "8f00",
    ),
    ("network already exists", "network name n already used: network already exists", NameTaken, "subject"),
    (
        "volume already exists",
        "volume with name v already exists: volume already exists",
        NameTaken,
        "subject",
    ),
    (
        "no such file or directory",
        "statfs /nonexist/xx: no such file or directory",
        RequestRefused,
        "/nonexist/xx",
    ),
    (
        "address already in use",
        "listen tcp 127.0.0.1:80: bind: address already in use",
        RequestRefused,
        "127.0.0.1:80",
    ),
]


@pytest.mark.parametrize(("cause", "message", "kind", "told"), TEXTS)
def test_refusals(cause: str, message: str, kind: type[RuntimeFailure], told: str) -> None:
    error = refusal(500, cause, message, "subject")
    assert type(error) is kind
    assert told in error.message
    assert "OCI" not in error.message
    assert "runc create failed" not in error.message


def test_a_refusal_without_words() -> None:
    assert "status 500" in refusal(500, "", "", "subject").message


def test_other_words_are_no_failure_of_a_command() -> None:
    assert command_failure("the network is not there: no such file or directory") is None


def test_brief_leaves_one_line() -> None:
    assert (
        brief("Error: runc: exec failed: unable to start container process: a\n b: OCI runtime error")
        == "a b"
    )


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (FileNotFoundError(2, "no"), EngineUnreachable),
        (ConnectionRefusedError(111, "no"), EngineUnreachable),
        (PermissionError(13, "no"), EngineForbidden),
        (TimeoutError("slow"), EngineLost),
        (ConnectionResetError(104, "gone"), EngineLost),
        (BrokenPipeError(32, "gone"), EngineLost),
    ],
)
def test_calls_without_an_answer(cause: Exception, kind: type[RuntimeFailure]) -> None:
    outer = RuntimeError("wrapped", ValueError(cause))
    outer.__cause__ = OSError("in between")
    outer.__cause__.__context__ = cause
    error = transport(outer, "unix:///s")
    assert type(error) is kind
    assert "unix:///s" in error.message
