"""Commands in running containers of real Podman: ends, odd images, input."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagu.contracts import process_tree
from dagu.contracts.container import ExecRequest
from dagu.contracts.runtime import ContainerRuntime, Execution
from dagu.contracts.streams import Streams
from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused, Unsupported
from dagu_podman_runtime import endings
from dagu_podman_runtime.connection import Connection

from .conftest import Maker, import_image, remove_image

pytestmark = [pytest.mark.engine, pytest.mark.podman]

BARE = "localhost/dagu-podman-bare:1"
TREE = """
trap '' TERM
sleep 77771 &
setsid sh -c 'trap "" TERM HUP; exec sleep 77772' &
(setsid sh -c 'sleep 77773 </dev/null >/dev/null 2>&1 &' &)
sleep 0.5
echo ready
wait
"""


def begin(make: Maker, container: str, *argv: str, **fields: Any) -> tuple[Execution, list[bytes]]:
    """Start a command and wait until it says that it is ready."""
    out: list[bytes] = []
    execution = make.runtime.exec(container, ExecRequest(argv=argv, **fields), Streams(stdout=out.append))
    while b"ready" not in b"".join(out):
        time.sleep(0.02)
    return execution, out


def sleepers(make: Maker, container: str) -> bytes:
    return make.exec(container, "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", user="0").stdout


@pytest.fixture(params=["the process table", "from inside"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to end a tree, whichever this process would take."""
    if request.param == "from inside":
        monkeypatch.setattr(endings, "may_use_table", lambda _pid: False)
    else:
        assert os.geteuid() == 0, "this test needs root"
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("user", ["", "1234:1234"])
def test_a_whole_tree_is_ended(make: Maker, user: str) -> None:
    container = make.up(user="4321:4321")
    other, _ = begin(make, container, "sh", "-c", "echo ready; exec sleep 88888")
    execution, _ = begin(make, container, "sh", "-c", TREE, user=user)
    assert sleepers(make, container).count(b"sleep 7777") >= 3
    execution.end(grace=0.5)
    left = sleepers(make, container)
    assert b"sleep 7777" not in left
    assert b"sleep 88888" in left
    assert execution.wait().code == 137
    other.end(grace=60.0)
    assert other.wait().code == 143


@pytest.mark.usefixtures("way")
def test_a_tree_that_goes_on_forking_is_ended(make: Maker) -> None:
    container = make.up()
    script = "trap '' TERM; echo ready; while :; do sh -c 'trap \"\" TERM; sleep 77774' & sleep 0.05; done"
    execution, _ = begin(make, container, "sh", "-c", script)
    execution.end(grace=0.3)
    assert b"77774" not in sleepers(make, container)
    execution.wait()


@pytest.mark.usefixtures("way")
def test_what_is_about_to_start_is_ended(make: Maker) -> None:
    container = make.up()
    for _ in range(5):
        execution = make.runtime.exec(container, ExecRequest(argv=("sleep", "77777")), Streams())
        execution.end(grace=60.0)
        assert execution.wait().code == 143
    assert b"77777" not in sleepers(make, container)


def test_a_process_without_its_environment_is_found_by_its_parent(make: Maker) -> None:
    container = make.up()
    stubborn = 'trap "" TERM; sleep 77775 & echo ready; wait'
    execution, _ = begin(make, container, "sh", "-c", f"env -i sh -c '{stubborn}' & wait")
    execution.end(grace=0.5)
    assert b"77775" not in sleepers(make, container)


def test_a_namespace_within_the_container_is_no_refuge(make_rootful: Maker) -> None:
    container = make_rootful.up(privileged=True)
    execution, _ = begin(make_rootful, container, "sh", "-c", "unshare -p -f sleep 77776 & echo ready; wait")
    execution.end(grace=0.5)
    assert b"77776" not in sleepers(make_rootful, container)


@pytest.fixture(scope="module")
def bare(api: Connection) -> Iterator[str]:
    """An image with one static program that sleeps and exits, and no shell."""
    busybox = Path("/bin/busybox")
    assert busybox.exists(), "busybox-static is among the packages that the engines need"
    rootfs = io.BytesIO()
    with tarfile.open(fileobj=rootfs, mode="w") as archive:
        for folder in ("proc", "bin"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        archive.add(busybox, "bin/sleep")
    import_image(api, BARE, rootfs)
    yield BARE
    remove_image(api, BARE)


def test_an_image_without_a_shell(make_rootful: Maker, bare: str) -> None:
    container = make_rootful.create("/bin/sleep", "86400", image=bare)
    make_rootful.runtime.start(container)
    execution = make_rootful.runtime.exec(container, ExecRequest(argv=("/bin/sleep", "86400")), Streams())
    execution.end(grace=60.0)
    assert execution.wait().code == 143
    assert make_rootful.runtime.inspect(container).running


def test_an_image_without_a_shell_out_of_reach(
    make_rootful: Maker, bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "may_use_table", lambda _pid: False)
    container = make_rootful.create("/bin/sleep", "86400", image=bare)
    make_rootful.runtime.start(container)
    execution = make_rootful.runtime.exec(container, ExecRequest(argv=("/bin/sleep", "86400")), Streams())
    with pytest.raises(Unsupported) as raised:
        execution.end(grace=1.0)
    assert "container of its own" in raised.value.hint
    make_rootful.runtime.kill(container)
    assert execution.wait().code == 137


def test_a_number_that_is_another_process_by_now_gets_no_signal() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        seen = endings._process(process.pid)
        assert not endings._signal(replace(seen, start=seen.start - 1), signal.SIGKILL)
        assert process.poll() is None
        assert endings._signal(seen, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_the_table_finds_nothing_of_others() -> None:
    assert endings.table_sweep(process_tree.new_marker())("KILL") == 0


def test_a_missing_directory_and_user_are_refused(make: Maker) -> None:
    container = make.up()
    with pytest.raises(RequestRefused, match="/not/there"):
        make.exec(container, "true", working_dir="/not/there")
    with pytest.raises(RequestRefused, match="nobody-here"):
        make.exec(container, "true", user="nobody-here")


def test_words_like_the_engines_own_come_through(make: Maker) -> None:
    container = make.up()
    text = 'Error: runc: exec: "x": executable file not found in $PATH: OCI runtime error'
    result = make.exec(container, "sh", "-c", f"echo '{text}' >&2; echo more >&2; exit 127")
    assert (result.status.code, result.stderr) == (127, f"{text}\nmore\n".encode())
    result = make.exec(container, "sh", "-c", "echo 'Error: plain' >&2; exit 127")
    assert (result.status.code, result.stderr) == (127, b"Error: plain\n")


def test_what_cannot_be_executed_leaves_no_words(make: Maker) -> None:
    container = make.up()
    err: list[bytes] = []
    for program, kind in (
        ("no-such", CommandNotFound),
        ("/etc/passwd", CommandForbidden),
        ("/etc", CommandForbidden),
    ):
        execution = make.runtime.exec(container, ExecRequest(argv=(program,)), Streams(stderr=err.append))
        for _ in range(2):
            with pytest.raises(kind):
                execution.wait()
    assert err == []


def test_keys_that_detach_a_terminal_are_bytes_like_others(make: Maker) -> None:
    reader, writer = os.pipe()
    out: list[bytes] = []
    with open(reader, "rb", buffering=0) as source:
        execution = make.runtime.exec(
            make.up(), ExecRequest(argv=("cat",)), Streams(out.append, stdin=source)
        )
        for byte in (b"\x10", b"\x11", b"\x1f", b"\x1f", b"x"):
            os.write(writer, byte)
            time.sleep(0.1)
        os.close(writer)
        assert execution.wait().code == 0
    assert b"".join(out) == b"\x10\x11\x1f\x1fx"


def test_such_keys_for_a_container(make: Maker) -> None:
    class Slow(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            time.sleep(0.1)
            return super().read(1)

        read1 = None  # type: ignore[assignment]

    source = Slow(b"\x10\x11x")
    del Slow.read1
    assert make.run("cat", stdin=source).stdout == b"\x10\x11x"


@pytest.mark.parametrize("size", [1, 1000, 100_000, 5_000_000])
def test_output_survives_input_that_nobody_reads(make: Maker, size: int) -> None:
    container = make.up()

    def one(_number: int) -> tuple[int, bytes, bytes]:
        result = make.exec(container, "sh", "-c", "echo done; exit 3", stdin=io.BytesIO(bytes(size)))
        return result.status.code, result.stdout, result.stderr

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(one, range(12))) == {(3, b"done\n", b"")}


def test_input_goes_to_who_reads_late_and_by_another_descriptor(make: Maker) -> None:
    container = make.up()
    data = os.urandom(1_000_000)
    for script in ("sleep 1; exec cat", "exec 3<&0 <&-; exec cat <&3", "cat | cat", "sh -c cat"):
        assert make.exec(container, "sh", "-c", script, stdin=io.BytesIO(data)).stdout == data


def test_raw_fields_of_an_exec(make_rootful: Maker) -> None:
    container = make_rootful.up(user="1234")
    result = make_rootful.exec(
        container,
        "sh",
        "-c",
        "id -u; echo $A; grep CapEff /proc/self/status",
        raw={"User": "0", "Privileged": True, "Env": ["A=b"]},
    )
    uid, value, capabilities = result.stdout.splitlines()
    assert (uid, value) == (b"0", b"b")
    assert int(capabilities.split()[1], 16) & 1 << 21  # CAP_SYS_ADMIN
    with pytest.raises(RequestRefused, match=r"exec\.Tty"):
        make_rootful.exec(container, "true", raw={"Tty": True})


def test_an_exec_in_a_container_that_is_removed(podman: ContainerRuntime, make: Maker) -> None:
    container = make.up()
    execution, _ = begin(make, container, "sh", "-c", "echo ready; sleep 86400")
    podman.remove(container)
    status = execution.wait()
    assert status.code == 137
    assert container in status.error
