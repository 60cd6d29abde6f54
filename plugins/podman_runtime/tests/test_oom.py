"""Whether memory ran out in a cgroup, on real cgroups of version 1."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagu_podman_runtime.oom import OomWatch

ROOT = Path("/sys/fs/cgroup/memory")
EAT = "x=a; while :; do x=$x$x; done"

pytestmark = pytest.mark.skipif(
    not (ROOT / "cgroup.event_control").exists(), reason="Podman tells by itself on cgroup v2"
)


class Group:
    """A cgroup with a limit, and a process in it that waits for a word before it goes on."""

    def __init__(self, script: str) -> None:
        self.folder = ROOT / f"dagu-test-{uuid.uuid4().hex}"
        self.folder.mkdir()
        (self.folder / "memory.limit_in_bytes").write_text(str(32 * 1024**2))
        enter = f"echo $$ >{self.folder}/cgroup.procs; echo in; read word; {script}"
        self.process = subprocess.Popen(["sh", "-c", enter], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"in\n"

    def go(self) -> None:
        self.process.communicate(b"go\n", timeout=60)

    def remove(self) -> None:
        if self.folder.exists():
            self.process.kill()
            self.process.wait()
            while (self.folder / "cgroup.procs").read_text():
                time.sleep(0.01)
            self.folder.rmdir()


@pytest.fixture
def groups() -> Iterator[list[Group]]:
    made: list[Group] = []
    yield made
    for group in made:
        group.remove()


@pytest.mark.parametrize(
    ("script", "ran_out"),
    [("exit 0", False), ("kill -9 $$", False), (EAT, True), (f"(sh -c '{EAT}'); exit 0", True)],
)
@pytest.mark.parametrize("removed", [False, True])
def test_what_is_seen(groups: list[Group], script: str, ran_out: bool, removed: bool) -> None:
    group = Group(script)
    groups.append(group)
    watch = OomWatch(group.process.pid)
    group.go()
    if removed:
        group.remove()
    assert watch.seen() is ran_out
    group.remove()
    assert watch.seen() is ran_out


@pytest.mark.parametrize(("script", "ran_out"), [("exit 0", False), (EAT, True)])
def test_a_watch_that_comes_to_look_when_all_is_over(
    groups: list[Group], script: str, ran_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group(script)
    groups.append(group)
    kills = OomWatch._kills

    def late(self: OomWatch) -> int | None:
        while group.folder.exists():
            time.sleep(0.01)
        return kills(self)

    monkeypatch.setattr(OomWatch, "_kills", late)
    watch = OomWatch(group.process.pid)
    group.go()
    group.remove()
    assert watch.seen() is ran_out


def test_a_process_that_is_gone() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(OSError, match=str(process.pid)):
        OomWatch(process.pid)
