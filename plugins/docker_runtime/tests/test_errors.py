"""The engine's words in dagu's errors."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from pathlib import Path

import pytest
import requests
import urllib3

from dagu.errors import (
    CommandForbidden,
    CommandNotFound,
    ContainerNotFound,
    DaguError,
    EngineForbidden,
    EngineLost,
    EngineUnreachable,
    NameTaken,
    RequestRefused,
)
from dagu_docker_runtime.dial import connect_failure
from dagu_docker_runtime.endpoint import Endpoint
from dagu_docker_runtime.errors import (
    Refused,
    command_failure,
    container_failure,
    exec_failure,
    name_failure,
    refuse_response,
    translate,
)

ENDPOINT = Endpoint(scheme="unix", address="/run/x.sock", source="DOCKER_HOST", config_file=Path("/none"))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        # Docker 20.10 with runc 1.1, at start and from an exec
        (
            "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container "
            'process: exec: "nope": executable file not found in $PATH: unknown',
            CommandNotFound,
        ),
        (
            "OCI runtime exec failed: exec failed: unable to start container process: exec: "
            '"/nope": stat /nope: no such file or directory: unknown',
            CommandNotFound,
        ),
        ('OCI runtime exec failed: exec failed: exec: "/a b": no such file or directory', CommandNotFound),
        ("exec /script: no such file or directory", CommandNotFound),
        ("standard_init_linux.go:228: exec user process caused: no such file or directory", CommandNotFound),
        (
            'unable to start container process: exec: "/etc/passwd": permission denied: unknown',
            CommandForbidden,
        ),
        ('unable to start container process: exec: "/etc": is a directory: unknown', CommandForbidden),
        ("exec /prog: exec format error", CommandForbidden),
        ("exec /prog: permission denied", CommandForbidden),
        (
            "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd "
            '("/nope") set in config.json failed: no such file or directory: unknown',
            None,
        ),
        (
            'OCI runtime create failed: error mounting "/a" to rootfs at "/b": no such file or directory',
            None,
        ),
        ("driver failed programming external connectivity: port is already allocated", None),
    ],
)
def test_a_process_that_did_not_start(said: str, kind: type[DaguError] | None) -> None:
    failure = command_failure(said, "the container x")
    assert (None if failure is None else type(failure)) is kind
    if failure is not None:
        assert said in failure.message
        assert failure.hint


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("Bind for 0.0.0.0:80 failed: port is already allocated", "choose another host port"),
        ('invalid mount config for type "bind": bind source path does not exist: /x', "create it"),
        ("unable to find user x: no matching entries in passwd file", "numeric id"),
        ('could not select device driver "" with capabilities: [[gpu]]', "NVIDIA"),
        ("could not find an available, non-overlapping IPv4 address pool", "docker network prune"),
        ("client version 1.99 is too new. Maximum supported API version is 1.41", "DOCKER_API_VERSION"),
    ],
)
def test_remedies(said: str, hint: str) -> None:
    error = refuse_response(500, f'{{"message": "{said}"}}'.replace('"" with', "x with").encode()).during(
        "do it"
    )
    assert hint in error.hint


def test_an_answer_in_plain_text() -> None:
    error = refuse_response(502, b"<bad\n gateway>").during("list containers")
    assert error.message == "Docker cannot list containers: <bad gateway>"
    assert refuse_response(500, b"").said == "HTTP status 500"


def test_no_such_container() -> None:
    assert isinstance(container_failure(Refused(404, "No such container: x"), "x"), ContainerNotFound)
    assert isinstance(
        container_failure(Refused(404, "Cannot kill container: x: No such container: x"), "x"),
        ContainerNotFound,
    )
    another = Refused(404, "joining network of: No such container: y")
    assert container_failure(another, "x") is another
    other = Refused(404, "network y not found")
    assert container_failure(other, "x") is other


def test_a_taken_name() -> None:
    assert isinstance(
        name_failure(Refused(409, "Conflict. The container name is in use"), "container", "x"), NameTaken
    )
    other = Refused(500, "x")
    assert name_failure(other, "container", "x") is other


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), EngineUnreachable, "No such file"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), EngineUnreachable, "refused"),
        (PermissionError(errno.EACCES, "Permission denied"), EngineForbidden, "group"),
        (TimeoutError("timed out"), EngineUnreachable, "no answer within"),
        (socket.gaierror(-2, "Name or service not known"), EngineUnreachable, "check the host name"),
        (ssl.SSLError(1, "[SSL] wrong version number"), EngineForbidden, "no TLS connection"),
    ],
)
def test_no_connection(error: OSError, kind: type[DaguError], words: str) -> None:
    failure = connect_failure(error, ENDPOINT)
    assert type(failure) is kind
    assert words in str(failure)
    assert "unix:///run/x.sock (from DOCKER_HOST)" in failure.message
    assert failure.hint


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            requests.ConnectionError(
                urllib3.exceptions.ProtocolError(
                    "Connection aborted.", http.client.RemoteDisconnected("gone")
                )
            ),
            "went away, trying to wait: gone",
        ),
        (requests.exceptions.ChunkedEncodingError(http.client.IncompleteRead(b"")), "went away"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "went away"),
        (requests.ReadTimeout("Read timed out."), "did not answer in time"),
    ],
)
def test_a_lost_engine(error: Exception, words: str) -> None:
    failure = translate(error, "wait", ENDPOINT)
    assert type(failure) is EngineLost
    assert words in failure.message


def test_refused_is_a_request_refused() -> None:
    assert issubclass(Refused, RequestRefused)


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (409, "Container abc is not running", ContainerNotFound),
        (500, "Container abc is not running: Removal In Progress", ContainerNotFound),
        (409, "Container abc is restarting, wait until the container is running", ContainerNotFound),
        (404, "No such container: abc", ContainerNotFound),
        (500, "something else", Refused),
    ],
)
def test_an_execution_in_a_container_that_ended(status: int, said: str, kind: type[DaguError]) -> None:
    assert type(exec_failure(Refused(status, said), "abc")) is kind
