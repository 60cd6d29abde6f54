"""Every way to reach an engine, and every way not to."""

from __future__ import annotations

import io
import json
import os
import select
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from dagu.contracts.container import ExecRequest
from dagu.contracts.runtime import ContainerRuntime, RuntimeInfo
from dagu.contracts.streams import Streams
from dagu.errors import EngineForbidden, EngineLost, EngineUnreachable, RequestRefused
from dagu_docker_runtime.plugin import make_runtime

from .conftest import Maker, Outcome, engines
from .test_endpoint import make_context

pytestmark = [pytest.mark.engine, pytest.mark.docker]

SOCKET = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")


def prove(environ: Mapping[str, str]) -> RuntimeInfo:
    """Move bytes in every direction: a half-closed input, both outputs, an archive, an exec."""
    with make_runtime(environ) as runtime:
        make = Maker(runtime)
        try:
            _move_bytes(runtime, make)
        finally:
            make.clean()
        return runtime.check()


def _move_bytes(runtime: ContainerRuntime, make: Maker) -> None:
    data = os.urandom(3_000_000)
    container = make.create("sh", "-c", "cat; echo err >&2; exit 3", stdin=True)
    outcome = Outcome()
    streams = Streams(stdin=io.BytesIO(data), stdout=outcome.out.append, stderr=outcome.err.append)
    attachment = runtime.attach(container, streams)
    runtime.start(container)
    attachment.join()
    assert runtime.wait(container).code == 3
    assert outcome.stdout == data
    assert outcome.stderr == b"err\n"
    archive = io.BytesIO()
    runtime.get_archive(container, "/etc/passwd", archive.write)
    archive.seek(0)
    runtime.put_archive(container, "/", archive)
    up, inside = make.up(), Outcome()
    streams = Streams(stdin=io.BytesIO(data), stdout=inside.out.append)
    assert runtime.exec(up, ExecRequest(argv=("cat",)), streams).wait().code == 0
    assert inside.stdout == data
    closing = runtime.attach(up, Streams())
    closing.close()
    closing.join()
    assert runtime.inspect(up).running


class TestTls:
    @pytest.fixture(scope="class")
    @classmethod
    def tls(cls) -> Iterator[Mapping[str, str]]:
        name = f"tls-{uuid.uuid4().hex[:8]}"
        yield json.loads(engines("tls", "up", "--private", name))
        engines("tls", "down", "--private", name)

    def environ(self, tls: Mapping[str, str], **more: str) -> dict[str, str]:
        return {
            "DOCKER_HOST": tls["host"],
            "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": tls["certs"],
            # Both would override the engine's authority, if they were heeded.
            "REQUESTS_CA_BUNDLE": "/nonexistent",
            "CURL_CA_BUNDLE": "/nonexistent",
            **more,
        }

    def test_everything_moves(self, tls: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        environ = self.environ(tls)
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.setenv(name, environ[name])
        info = prove(environ)
        assert info.endpoint == tls["host"]
        assert info.shares_filesystem, "it runs on this machine and says so"
        assert info.warnings == ()

    def test_unverified_is_warned_of(self, tls: Mapping[str, str]) -> None:
        with make_runtime(self.environ(tls, DOCKER_TLS_VERIFY="")) as runtime:
            assert "not verified" in " ".join(runtime.check().warnings)

    def test_by_a_context(self, tls: Mapping[str, str], tmp_path: Path) -> None:
        make_context(tmp_path, "away", tls["host"], certificates=True)
        (target,) = tmp_path.glob("contexts/tls/*/docker")
        for name in ("ca.pem", "cert.pem", "key.pem"):
            (target / name).write_bytes((Path(tls["certs"]) / name).read_bytes())
        with make_runtime({"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "away"}) as runtime:
            assert runtime.check().endpoint_source == "DOCKER_CONTEXT (away)"

    def test_a_certificate_of_another_authority(self, tls: Mapping[str, str]) -> None:
        with (
            make_runtime(self.environ(tls, DOCKER_CERT_PATH=tls["bad_certs"])) as runtime,
            pytest.raises(EngineForbidden, match="refuses this client's certificate") as raised,
        ):
            runtime.check()
        assert "cert.pem" in raised.value.hint

    def test_an_engine_of_another_authority(self, tls: Mapping[str, str], tmp_path: Path) -> None:
        for name in ("cert.pem", "key.pem"):
            (tmp_path / name).write_bytes((Path(tls["certs"]) / name).read_bytes())
        other = Path(tls["certs"]).parent / "other-authority" / "cert.pem"
        (tmp_path / "ca.pem").write_bytes(other.read_bytes())
        with (
            make_runtime(self.environ(tls, DOCKER_CERT_PATH=str(tmp_path))) as runtime,
            pytest.raises(EngineForbidden, match="not trusted") as raised,
        ):
            runtime.check()
        assert "ca.pem" in raised.value.hint

    def test_plain_where_tls_is_spoken(self, tls: Mapping[str, str]) -> None:
        with (
            make_runtime({"DOCKER_HOST": tls["host"]}) as runtime,
            pytest.raises(EngineForbidden, match="wants TLS"),
        ):
            runtime.check()


class TestSsh:
    """A program named ssh that does what OpenSSH would do on the other machine."""

    @pytest.fixture
    def ssh(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
        def write(script: str) -> Path:
            program = tmp_path / "ssh"
            program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n{script}\n')
            program.chmod(0o755)
            monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            return tmp_path / "calls"

        return write

    def test_everything_moves(self, ssh: Callable[[str], Path]) -> None:
        calls = ssh(f"exec docker -H {SOCKET} system dial-stdio")
        info = prove({"DOCKER_HOST": "ssh://me@far:2222"})
        assert info.endpoint == "ssh://me@far:2222"
        assert not info.shares_filesystem
        for call in calls.read_text().splitlines():
            assert call.endswith("-l me -p 2222 -- far docker system dial-stdio")

    def test_its_words_are_told(self, ssh: Callable[[str], Path]) -> None:
        ssh('echo "me@far: Permission denied (publickey)." >&2; exit 255')
        with (
            make_runtime({"DOCKER_HOST": "ssh://me@far"}) as runtime,
            pytest.raises(EngineUnreachable, match=r"Permission denied \(publickey\)") as raised,
        ):
            runtime.check()
        assert "ssh -l me -- far docker version" in raised.value.hint

    def test_without_ssh(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with (
            make_runtime({"DOCKER_HOST": "ssh://far"}) as runtime,
            pytest.raises(EngineUnreachable, match="no program `ssh`"),
        ):
            runtime.check()

    def test_no_process_is_left(self, ssh: Callable[[str], Path], tmp_path: Path) -> None:
        ssh(f"echo $$ >>{tmp_path}/pids; exec docker -H {SOCKET} system dial-stdio")
        with make_runtime({"DOCKER_HOST": "ssh://far"}) as runtime:
            runtime.check()
            runtime.find()
        for pid in (tmp_path / "pids").read_text().split():
            descriptor = _pidfd(int(pid))
            if descriptor is not None:
                assert _ends(descriptor), "ssh ends when its connection is closed"


class TestAbsent:
    def test_no_socket(self, tmp_path: Path) -> None:
        _unreachable(f"unix://{tmp_path}/none.sock", "No such file")

    def test_nobody_listens(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(tmp_path / "stale.sock"))
        _unreachable(f"unix://{tmp_path}/stale.sock", "refused")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        _unreachable(f"tcp://127.0.0.1:{port}", "refused")

    def test_no_such_host(self) -> None:
        _unreachable("tcp://no-such-host.invalid:2375", "cannot connect")

    def test_what_is_no_engine(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(tmp_path / "other.sock"))
            other.listen()
            other.settimeout(60)

            def hang_up() -> None:
                other.accept()[0].close()

            server = threading.Thread(target=hang_up)
            server.start()
            with (
                make_runtime({"DOCKER_HOST": f"unix://{tmp_path}/other.sock"}) as runtime,
                pytest.raises(EngineLost, match="went away"),
            ):
                runtime.check()
            server.join()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
    def test_a_user_who_may_not(self) -> None:
        script = (
            "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "from dagu_docker_runtime.plugin import make_runtime\n"
            "from dagu.errors import EngineForbidden\n"
            "try: make_runtime(dict(os.environ, HOME='/')).check()\n"
            "except EngineForbidden as error: print(error)\n"
        )
        # Imported before the change of user, who may not read where the code lies.
        preload = "import dagu_docker_runtime.runtime, dagu.errors, dagu_docker_runtime.plugin\n"
        done = subprocess.run(
            [sys.executable, "-c", preload + script], capture_output=True, text=True, check=False
        )
        assert "permission denied on the Docker socket" in done.stdout, done.stderr
        assert "group" in done.stdout


@pytest.mark.podman
def test_another_engine_than_expected() -> None:
    (line,) = (line for line in engines("status").splitlines() if line.startswith("podman "))
    endpoint = next(word for word in line.split() if word.startswith("unix://"))
    with make_runtime({"DOCKER_HOST": endpoint}) as runtime:
        assert any("is Podman" in warning for warning in runtime.check().warnings)


def test_a_pinned_api_version() -> None:
    environ = {**os.environ, "DOCKER_API_VERSION": "1.40"}
    with make_runtime(environ) as runtime:
        assert runtime.check().version


def test_a_pinned_api_version_that_the_engine_has_not() -> None:
    with (
        make_runtime({**os.environ, "DOCKER_API_VERSION": "1.99"}) as runtime,
        pytest.raises(RequestRefused, match="too new") as raised,
    ):
        runtime.find_image("x")
    assert "DOCKER_API_VERSION" in raised.value.hint


def test_where_it_is_and_why(docker: ContainerRuntime) -> None:
    info = docker.check()
    assert info.name == "docker"
    assert info.endpoint.startswith(("unix://", "tcp://"))
    assert info.endpoint_source
    assert info.platform.startswith("linux/")


def _unreachable(host: str, words: str) -> None:
    with make_runtime({"DOCKER_HOST": host}) as runtime:
        for ask in (runtime.check, runtime.find, lambda: runtime.find_image("x"), lambda: runtime.wait("x")):
            with pytest.raises(EngineUnreachable, match=words) as raised:
                ask()
            assert host in raised.value.message
            assert "DOCKER_HOST" in raised.value.message
            assert raised.value.hint


def _pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _ends(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    try:
        return bool(poll.poll(60_000))
    finally:
        os.close(descriptor)
