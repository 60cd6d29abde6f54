"""A private service, and a tunnel: programs that serve a socket and end with this process."""

from __future__ import annotations

import io
import itertools
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagu.contracts.container import ContainerRequest
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import EngineUnreachable
from dagu_podman_runtime import endpoint, tunnel
from dagu_podman_runtime.child import SocketChild
from dagu_podman_runtime.endpoint import Answer, connect
from dagu_podman_runtime.plugin import make_runtime

from .conftest import import_image

GUARD = 60.0
SERVER = """
import socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    server.listen()
    while True:
        server.accept()[0].close()
"""


def server(path: str) -> list[str]:
    return [sys.executable, "-c", SERVER, path]


def eventually(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + GUARD
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_child_serves_and_leaves_nothing() -> None:
    with SocketChild(server, what="the server", environ=os.environ) as child:
        path = child.url.removeprefix("unix://")
        assert connect(path) is Answer.YES
        assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    assert not Path(path).parent.exists()


def test_a_child_that_was_started_by_a_thread_outlives_that() -> None:
    made: list[SocketChild] = []
    thread = threading.Thread(target=lambda: made.append(SocketChild(server, what="it", environ=os.environ)))
    thread.start()
    thread.join()
    time.sleep(0.5)
    assert connect(made[0].url.removeprefix("unix://")) is Answer.YES
    made[0].close()


def test_a_child_that_ends_at_once_tells_why() -> None:
    with pytest.raises(EngineUnreachable) as raised:
        SocketChild(
            lambda _path: ["sh", "-c", "echo no such luck >&2; exit 7"], what="the server", environ=os.environ
        )
    assert "the server ended with status 7: no such luck" in raised.value.message


def test_a_child_ends_with_a_killed_parent() -> None:
    script = (
        "import os, sys, time\n"
        "from dagu_podman_runtime.child import SocketChild\n"
        f"child = SocketChild(lambda path: [sys.executable, '-c', {SERVER!r}, path], what='it', environ=os.environ)\n"
        "print(child.url, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        path = parent.stdout.readline().strip().removeprefix("unix://")
        assert connect(path) is Answer.YES
        parent.send_signal(signal.SIGKILL)
    eventually(lambda: connect(path) is not Answer.YES)
    eventually(lambda: not Path(path).parent.exists())


@pytest.fixture
def apart(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """An environment in which no socket answers, and Podman keeps its things in folders of their own."""
    monkeypatch.setattr(endpoint, "_sockets", lambda _environ, _uid: [("/no/such.sock", "a rule")])
    folder = tmp_path_factory.mktemp("apart")
    run = Path(f"/run/dagu-t{os.getpid()}")  # a run root may have 50 characters
    # crun refuses a mix of both versions of cgroups.
    program = "" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else 'runtime = "runc"\n'
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{run}/run"\n'
    )
    settings = folder / "containers.conf"
    settings.write_text(
        f'[engine]\ntmp_dir = "{run}/tmp"\nstatic_dir = "{folder}/graph/libpod"\nvolume_path = "{folder}/volumes"\n'
        f'cgroup_manager = "cgroupfs"\nevents_logger = "file"\nlock_type = "file"\n{program}'
        f'[network]\nnetwork_config_dir = "{folder}/networks"\n'
        '[containers]\ndefault_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]\n'
    )
    environ = {name: value for name, value in os.environ.items() if name not in endpoint.ENVIRONMENT}
    yield environ | {"CONTAINERS_STORAGE_CONF": str(storage), "CONTAINERS_CONF": str(settings)}
    for mount in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
        point = mount.split()[4]
        if point.startswith((f"{folder}/", f"{run}/")):
            subprocess.run(["umount", "--lazy", point], check=True)
    subprocess.run(["rm", "-rf", str(run), str(folder)], check=True)


@pytest.mark.engine
@pytest.mark.podman
def test_a_private_service_runs_containers(apart: dict[str, str]) -> None:
    runtime = make_runtime(apart)
    with runtime:
        info = runtime.check()
        assert "private service" in info.endpoint_source
        path = info.endpoint.removeprefix("unix://")
        assert connect(path) is Answer.YES
        out = _run_one(runtime)
    assert out == b"from a private service\n"
    assert connect(path) is Answer.ABSENT


@pytest.mark.engine
@pytest.mark.podman
def test_a_private_service_starts_once_for_all_threads(apart: dict[str, str]) -> None:
    with make_runtime(apart) as runtime:
        seen: list[str] = []
        threads = [threading.Thread(target=lambda: seen.append(runtime.check().endpoint)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(GUARD)
        assert len(seen) == 8
        assert len(set(seen)) == 1


def _run_one(runtime: ContainerRuntime) -> bytes:
    rootfs = io.BytesIO()
    with tarfile.open(fileobj=rootfs, mode="w") as archive:
        for folder in ("proc", "sys", "dev", "bin", "etc", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        archive.add("/bin/busybox", "bin/echo")
    import_image(runtime._connection, "localhost/dagu-private:1", rootfs)  # type: ignore[attr-defined]
    request = ContainerRequest(
        image="dagu-private:1", entrypoint=(), command=("/bin/echo", "from a private service"), network="none"
    )
    container = runtime.create(request)
    out: list[bytes] = []
    attachment = runtime.attach(container, Streams(stdout=out.append))
    runtime.start(container)
    assert runtime.wait(container).code == 0
    attachment.join()
    runtime.remove(container)
    return b"".join(out)


def test_the_ssh_command() -> None:
    words = tunnel.command("ssh://me@host:2222/run/user/1000/podman/podman.sock", "/key", "/local.sock")
    assert words[0] == "ssh"
    assert words[-3:] == ["/local.sock:/run/user/1000/podman/podman.sock", "--", "me@host"]
    assert ("-p", "2222") in itertools.pairwise(words)
    assert ("-i", "/key") in itertools.pairwise(words)
    with pytest.raises(EngineUnreachable, match="does not say where"):
        tunnel.command("ssh://me@host", "", "/local.sock")


@pytest.mark.engine
@pytest.mark.podman
def test_a_tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ssh program that forwards on this machine: the runtime takes the engine for one elsewhere."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!{sys.executable}\n{FORWARD}")
    ssh.chmod(0o755)
    environ = {**os.environ, "DAGU_PODMAN_HOST": f"ssh://me@elsewhere{endpoint.ROOTFUL_SOCKET}"}
    with make_runtime(environ) as runtime:
        info = runtime.check()
        assert info.endpoint == environ["DAGU_PODMAN_HOST"]
        assert not info.shares_filesystem
        request = ContainerRequest(image="alpine:3.20", command=("cat",), network="none", stdin=True)
        container = runtime.create(request)
        out: list[bytes] = []
        attachment = runtime.attach(
            container, Streams(stdout=out.append, stdin=io.BytesIO(b"there and back"))
        )
        runtime.start(container)
        assert runtime.wait(container).code == 0
        attachment.join()
        runtime.remove(container)
    assert b"".join(out) == b"there and back"


FORWARD = """
import socket, sys, threading

local, _, remote = sys.argv[sys.argv.index("-L") + 1].partition(":")

def copy(source, target):
    while block := source.recv(65536):
        target.sendall(block)
    target.shutdown(socket.SHUT_WR)

with socket.socket(socket.AF_UNIX) as server:
    server.bind(local)
    server.listen()
    while True:
        near, _ = server.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(remote)
        for pair in ((near, far), (far, near)):
            threading.Thread(target=copy, args=pair, daemon=True).start()
"""
