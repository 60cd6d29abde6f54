"""Which endpoint is chosen: a table of environments and of what answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from dagu.errors import EngineForbidden, EngineUnreachable
from dagu_podman_runtime.endpoint import Answer, Endpoint, choose

ROOTFUL = "/run/podman/podman.sock"
OWN = "/run/user/1000/podman/podman.sock"
XDG = "/xdg/podman/podman.sock"
PROGRAM = "/usr/bin/podman"


@dataclass(frozen=True)
class Case:
    name: str
    url: str
    source: str
    environ: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)


CASES = [
    Case(
        "the variable wins",
        "unix:///x.sock",
        "DAGU_PODMAN_HOST",
        {"DAGU_PODMAN_HOST": "unix:///x.sock"},
        {ROOTFUL: Answer.YES},
    ),
    Case("a path is a socket", "unix:///x.sock", "DAGU_PODMAN_HOST", {"DAGU_PODMAN_HOST": " /x.sock "}),
    Case(
        "podman-py's scheme",
        "unix:///x.sock",
        "DAGU_PODMAN_HOST",
        {"DAGU_PODMAN_HOST": "http+unix:///x.sock"},
    ),
    Case("tcp", "tcp://h:8080", "DAGU_PODMAN_HOST", {"DAGU_PODMAN_HOST": "tcp://h:8080"}),
    Case("ssh", "ssh://u@h:22/p.sock", "DAGU_PODMAN_HOST", {"DAGU_PODMAN_HOST": "ssh://u@h:22/p.sock"}),
    Case("rootful", f"unix://{ROOTFUL}", "the rootful socket", {}, {ROOTFUL: Answer.YES, OWN: Answer.YES}),
    Case(
        "an empty variable is none",
        f"unix://{ROOTFUL}",
        "the rootful socket",
        {"DAGU_PODMAN_HOST": " "},
        {ROOTFUL: Answer.YES},
    ),
    Case(
        "rootful before CONTAINER_HOST",
        f"unix://{ROOTFUL}",
        "the rootful socket",
        {"CONTAINER_HOST": "unix:///c.sock"},
        {ROOTFUL: Answer.YES},
    ),
    Case(
        "rootless",
        f"unix://{OWN}",
        "the rootless socket of this user",
        {},
        {ROOTFUL: Answer.FORBIDDEN, OWN: Answer.YES},
    ),
    Case(
        "XDG_RUNTIME_DIR before /run/user",
        f"unix://{XDG}",
        "the rootless socket of this user",
        {"XDG_RUNTIME_DIR": "/xdg/"},
        {XDG: Answer.YES, OWN: Answer.YES},
    ),
    Case(
        "a stale one is passed over",
        f"unix://{OWN}",
        "the rootless socket of this user",
        {"XDG_RUNTIME_DIR": "/xdg"},
        {ROOTFUL: Answer.REFUSED, XDG: Answer.REFUSED, OWN: Answer.YES},
    ),
    Case("CONTAINER_HOST", "unix:///c.sock", "CONTAINER_HOST", {"CONTAINER_HOST": "unix:///c.sock"}),
]


def _choose(
    environ: Mapping[str, str], answers: Mapping[str, Answer], program: str | None = None
) -> Endpoint:
    return choose(
        environ,
        uid=1000,
        probe=lambda path: answers.get(path, Answer.ABSENT),
        find_program=lambda _name: program,
    )


@pytest.mark.parametrize("docker_host", ["", "tcp://nonsense", "unix:///var/run/docker.sock", ":::"])
@pytest.mark.parametrize("program", [None, PROGRAM])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_first_rule_that_fits(case: Case, program: str | None, docker_host: str) -> None:
    environ = {**case.environ, "DOCKER_HOST": docker_host, "DOCKER_CONTEXT": docker_host}
    found = _choose(environ, case.answers, program)
    assert (found.url, found.source, found.program) == (case.url, case.source, "")


@pytest.mark.parametrize("docker_host", ["", "unix:///var/run/docker.sock"])
def test_a_private_service_where_nothing_answers(docker_host: str) -> None:
    found = _choose({"DOCKER_HOST": docker_host}, {ROOTFUL: Answer.FORBIDDEN}, PROGRAM)
    assert (found.url, found.program) == ("", PROGRAM)
    assert PROGRAM in found.source


def test_nothing_at_all() -> None:
    with pytest.raises(EngineUnreachable) as raised:
        _choose({"XDG_RUNTIME_DIR": "/xdg", "DOCKER_HOST": "unix:///d.sock"}, {OWN: Answer.REFUSED})
    for path in (ROOTFUL, XDG, OWN):
        assert path in str(raised.value)
    assert "DAGU_PODMAN_HOST" in raised.value.hint
    assert "/d.sock" not in str(raised.value)


def test_a_socket_that_may_not_be_used() -> None:
    with pytest.raises(EngineForbidden) as raised:
        _choose({}, {ROOTFUL: Answer.FORBIDDEN})
    assert ROOTFUL in str(raised.value)


@pytest.mark.parametrize("variable", ["DAGU_PODMAN_HOST", "CONTAINER_HOST"])
@pytest.mark.parametrize(
    "value", ["nonsense", "https://h:1", "tcp://h", "tcp://h:port", "unix://", "ssh://u:secret@h/p"]
)
def test_a_variable_that_names_no_endpoint(variable: str, value: str) -> None:
    with pytest.raises(EngineUnreachable) as raised:
        _choose({variable: value}, {})
    assert variable in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_key_goes_with_ssh() -> None:
    environ = {"CONTAINER_HOST": "ssh://u@h/p.sock", "CONTAINER_SSHKEY": "/key"}
    assert _choose(environ, {}).ssh_key == "/key"
