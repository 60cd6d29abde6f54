"""What is Docker's own about execs."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterator

import pytest

from dagu.contracts.container import ExecRequest
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import CommandNotFound, RequestRefused, Unsupported
from dagu_docker_runtime import host_processes

from .conftest import Maker, Outcome, sdk

pytestmark = [pytest.mark.engine, pytest.mark.docker]


def execute(runtime: ContainerRuntime, container: str, *argv: str, **fields: object) -> tuple[int, Outcome]:
    outcome = Outcome()
    status = runtime.exec(container, ExecRequest(argv=argv, **fields), outcome.streams).wait()  # type: ignore[arg-type]
    return status.code, outcome


def test_output_closed_before_the_end(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    code, _ = execute(docker, container, "sh", "-c", "exec >&- 2>&-; sleep 1; exit 9")
    assert code == 9


def test_words_like_the_engines_own(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    code, outcome = execute(
        docker, container, "sh", "-c", "printf 'OCI runtime exec failed: no\\r\\n'; exit 126"
    )
    assert (code, outcome.stdout) == (126, b"OCI runtime exec failed: no\r\n")


def test_a_command_that_did_not_start_writes_nothing(docker: ContainerRuntime, make: Maker) -> None:
    container, outcome = make.up(), Outcome()
    with pytest.raises(CommandNotFound):
        docker.exec(container, ExecRequest(argv=("nope",)), outcome.streams).wait()
    assert (outcome.stdout, outcome.stderr) == (b"", b"")


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"user": "nobody-here"}, "unable to find user"), ({"working_dir": "/nope"}, "chdir to cwd")],
)
def test_what_is_refused_at_the_start(
    docker: ContainerRuntime, make: Maker, fields: dict[str, str], words: str
) -> None:
    container = make.up()
    with pytest.raises(RequestRefused, match=words):
        execute(docker, container, "true", **fields)


def test_the_container_is_removed_meanwhile(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    execution = docker.exec(container, ExecRequest(argv=("sleep", "86400")), Streams())
    docker.remove(container)
    assert execution.wait().code == 137
    execution.end(grace=0)


def test_the_container_ends_meanwhile(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    execution = docker.exec(container, ExecRequest(argv=("sleep", "86400")), Streams())
    docker.kill(container)
    assert execution.wait().code == 137
    execution.end(grace=0)


def test_raw_options(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    raw = {"user": "1:1", "tty": True, "env": ["A=raw", "B=raw"], "workingDir": "/etc"}
    _, outcome = execute(docker, container, "sh", "-c", "id -u; pwd; echo $A $B", env={"A": "asked"}, raw=raw)
    assert outcome.stdout == b"1\r\n/etc\r\nasked raw\r\n"


def test_ending_at_once(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    for _ in range(5):
        execution = docker.exec(container, ExecRequest(argv=("sleep", "86400")), Streams())
        execution.end(grace=30.0)
        assert execution.wait().code == 143


def test_what_an_ended_command_left_behind_is_ended(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    request = ExecRequest(
        argv=("sh", "-c", "setsid sleep 4711 >/dev/null 2>&1 </dev/null & exit 0"), user="1000"
    )
    execution = docker.exec(container, request, Streams())
    assert execution.wait().code == 0
    look = ("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null")
    assert b"sleep\x004711\x00" in execute(docker, container, *look)[1].stdout
    execution.end()
    assert b"sleep\x004711\x00" not in execute(docker, container, *look)[1].stdout


def test_an_image_without_the_tools_says_so(docker: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    execution = docker.exec(container, ExecRequest(argv=("sleep", "86400")), Streams())
    assert execute(docker, container, "rm", "/bin/grep", "/usr/bin/grep")[0] in (0, 1)
    execution.end(grace=10.0)  # by way of the machine's own /proc
    assert execution.wait().code == 143


class TestWithoutShell:
    """In an image that has one program and no shell."""

    @pytest.fixture
    def container(self, docker: ContainerRuntime, make: Maker) -> Iterator[str]:
        program = shutil.which("busybox")
        assert program is not None, "busybox-static is one of the packages of tools/engines"
        tarball = io.BytesIO()
        with tarfile.open(fileobj=tarball, mode="w") as archive:
            for name in ("bin/sleep", "bin/setsid"):
                archive.add(program, name)
        image = f"dagu-docker-runtime-test:{os.urandom(4).hex()}"
        repository, tag = image.split(":")
        sdk().import_image_from_data(tarball.getvalue(), repository=repository, tag=tag)
        container = make.create("/bin/sleep", "86400", image=image)
        docker.start(container)
        yield container
        docker.remove(container)
        sdk().remove_image(image)

    def test_ended_from_the_machine(self, docker: ContainerRuntime, container: str) -> None:
        plain = docker.exec(container, ExecRequest(argv=("/bin/sleep", "86400")), Streams())
        # Leaves its session, and its first process with it.
        daemon = docker.exec(container, ExecRequest(argv=("/bin/setsid", "/bin/sleep", "86400")), Streams())
        daemon.end(grace=10.0)
        assert daemon.wait().code in (0, 143)
        assert len(sdk().top(container)["Processes"]) == 2
        plain.end(grace=10.0)
        assert plain.wait().code == 143
        assert len(sdk().top(container)["Processes"]) == 1

    def test_unsupported_where_the_machine_is_another(
        self, docker: ContainerRuntime, container: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(host_processes, "_is_first_of_namespace", lambda pid: False)
        execution = docker.exec(container, ExecRequest(argv=("/bin/sleep", "86400")), Streams())
        with pytest.raises(Unsupported, match="cannot be ended alone") as raised:
            execution.end(grace=1.0)
        assert "/bin/sh" in raised.value.hint
        docker.kill(container)
        assert execution.wait().code == 137
