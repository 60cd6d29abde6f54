"""What this runtime promises beyond the kit: what is inside gets nowhere, and nothing is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagu_bubblewrap_runtime.plugin import make_runtime

from dagu.contracts.container import ContainerRequest, ContainerStatus, ExecRequest, Mount, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import EngineUnreachable, RequestRefused

IMAGE = "alpine:3.20"
SECRET = "kit-secret-4711"


@pytest.fixture
def environ(images: Path, tmp_path: Path) -> dict[str, str]:
    return {"DAGU_BUBBLEWRAP_IMAGES": str(images), "DAGU_BUBBLEWRAP_STATE": str(tmp_path / "state")}


@pytest.fixture
def runtime(environ: dict[str, str]) -> Iterator[ContainerRuntime]:
    with make_runtime(environ) as runtime:
        yield runtime


def up(runtime: ContainerRuntime, **fields: object) -> str:
    request = ContainerRequest(image=IMAGE, command=("sleep", "86400"), **fields)  # type: ignore[arg-type]
    container = runtime.create(request)
    runtime.start(container)
    return container


def run(runtime: ContainerRuntime, container: str, script: str) -> tuple[int, str]:
    output: list[bytes] = []
    request = ExecRequest(argv=("sh", "-c", script))
    code = runtime.exec(container, request, Streams(output.append, output.append)).wait().code
    return code, b"".join(output).decode()


def test_a_command_has_no_more_privileges_than_the_container(runtime: ContainerRuntime) -> None:
    container = up(runtime)
    wanted = "grep -E 'Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs' /proc/{}/status"
    of_container, of_command = (run(runtime, container, wanted.format(which))[1] for which in ("1", "self"))
    assert of_command == of_container
    assert "NoNewPrivs:\t1" in of_command
    assert "CapEff:\t0000000000000000" in of_command


def test_a_read_only_mount_stays_so(runtime: ContainerRuntime, tmp_path: Path) -> None:
    mount = Mount(type=MountType.BIND, source=str(tmp_path), target="/kit", read_only=True)
    container = up(runtime, mounts=(mount,))
    code, output = run(runtime, container, "mount -o remount,rw,bind /kit || umount /kit; touch /kit/file")
    assert code != 0, output
    assert not (tmp_path / "file").exists()


def test_links_in_an_image_lead_nowhere_outside(runtime: ContainerRuntime, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    container = runtime.create(
        ContainerRequest(image=IMAGE, command=("sh", "-c", f"ln -s {outside} /way-out"))
    )
    runtime.start(container)
    runtime.wait(container)
    with pytest.raises(FileNotFoundError):
        runtime.get_archive(container, "/way-out/.", lambda _block: None)
    with pytest.raises(FileNotFoundError), open(os.devnull, "rb") as nothing:
        runtime.put_archive(container, "/way-out", nothing)


def test_the_environment_is_in_no_file_and_no_process_list(runtime: ContainerRuntime, tmp_path: Path) -> None:
    container = up(runtime, env={"KIT_SECRET": SECRET})
    assert run(runtime, container, "echo $KIT_SECRET")[1] == f"{SECRET}\n"
    found = subprocess.run(["grep", "-r", SECRET, tmp_path], capture_output=True, check=False)
    assert found.returncode == 1
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert SECRET not in entry.read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue


RUNNER = """
import os, sys
from dagu.contracts.container import ContainerRequest
from dagu_bubblewrap_runtime.plugin import make_runtime
runtime = make_runtime(os.environ)
request = ContainerRequest(image="alpine:3.20", command=("sleep", "86400"), labels={"kit": "1"})
container = runtime.create(request)
runtime.start(container)
print(runtime.inspect(container).pid, flush=True)
sys.stdin.read()
"""


def test_a_killed_runner_takes_its_containers_along(
    runtime: ContainerRuntime, environ: dict[str, str]
) -> None:
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER],
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    with runner:
        main = os.pidfd_open(int(runner.stdout.readline()))
        (state,) = runtime.find({"kit": "1"})
        assert state.status is ContainerStatus.RUNNING
        with pytest.raises(RequestRefused):
            runtime.wait(state.id)
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    watch = select.poll()
    watch.register(main, select.POLLIN)
    assert watch.poll(60_000), "the container outlived its runner"
    os.close(main)
    (state,) = runtime.find({"kit": ""})
    assert state.status is ContainerStatus.EXITED
    runtime.remove(state.id)
    assert not runtime.find({"kit": ""})


def test_another_process_may_end_a_container(runtime: ContainerRuntime, environ: dict[str, str]) -> None:
    container = up(runtime, name="kit-shared")
    with make_runtime(environ) as other:
        assert other.inspect("kit-shared").running
        assert run(other, "kit-shared", "exit 3")[0] == 3
        other.remove("kit-shared")
    assert runtime.wait(container).code == 137
    assert not runtime.find()


def test_what_a_container_closed_is_removed_too(runtime: ContainerRuntime, tmp_path: Path) -> None:
    container = up(runtime)
    assert run(runtime, container, "mkdir -p a/b && touch a/b/c && chmod 000 a/b a")[0] == 0
    runtime.remove(container)
    assert [entry.name for entry in (tmp_path / "state").iterdir()] == ["names"]


def test_closing_ends_what_still_runs(environ: dict[str, str]) -> None:
    with make_runtime(environ) as runtime:
        container = up(runtime)
        pid = runtime.inspect(container).pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_bubblewrap_the_error_names_the_remedy(
    runtime: ContainerRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineUnreachable, match="apt install bubblewrap"):
        runtime.check()
