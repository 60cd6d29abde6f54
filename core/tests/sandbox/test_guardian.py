"""A killed runner takes the processes of its steps with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from dagu.sandbox.guardian import MARK, end_orphans, orphans

RUNNER = """
import os, sys
from dagu.contracts.streams import Streams
from dagu.sandbox.command import Command
from dagu.sandbox.host import HostPlace
script = sys.argv[1]
execution = HostPlace().start(Command(argv=("sh", "-c", script), env={"PATH": os.environ["PATH"]}),
    Streams(stdout=lambda block: os.write(1, block)))
execution.wait()
"""
STUBBORN = """
trap '' TERM
setsid sh -c 'trap "" TERM; echo $$; exec sleep 600' &
env -i sh -c 'trap "" TERM; echo $$; sleep 600; sleep 600' &
echo $$
sleep 600
sleep 600
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except FileNotFoundError:
        return False


def wait_for_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if alive(pid)]}"
        time.sleep(0.02)


def start(script: str, lines: int) -> tuple[subprocess.Popen[str], list[int]]:
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, script], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    return runner, [int(runner.stdout.readline()) for _ in range(lines)]


def test_sigkill_of_the_runner_ends_the_tree_of_its_steps() -> None:
    runner, pids = start(STUBBORN, 3)
    runner.kill()
    runner.wait()
    wait_for_end(pids)


def test_a_runner_that_ends_well_leaves_nothing() -> None:
    runner, _ = start("echo 0", 1)
    assert runner.wait(60) == 0
    assert not [line for line in command_lines() if "dagu-guardian" in line and f"/{runner.pid}/" in line]


def command_lines() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(path.read_text(errors="replace"))
    return lines


@pytest.fixture
def orphan() -> subprocess.Popen[bytes]:
    """A process whose mark names a runner that is dead."""
    from dagu.sandbox.labels import Owner

    dead = replace(Owner.me(), pid=4_194_303, start=1)
    return subprocess.Popen(["sleep", "600"], env={MARK: f"{dead};"})


def test_without_a_guardian_the_next_run_finds_them(orphan: subprocess.Popen[bytes]) -> None:
    assert orphan.pid in list(orphans())
    assert end_orphans() >= 1
    assert orphan.wait(60) == -signal.SIGKILL


def test_with_what_cleared_its_environment() -> None:
    from dagu.sandbox.labels import Owner

    dead = replace(Owner.me(), pid=4_194_303, start=1)
    script = "env -i sh -c 'echo $$; exec sleep 600' & wait"
    with subprocess.Popen(
        ["sh", "-c", script], env={MARK: f"{dead};", "PATH": os.defpath}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        assert child not in list(orphans())
        assert end_orphans() >= 2
        wait_for_end([child])


def test_processes_of_a_living_runner_are_no_orphans() -> None:
    runner, pids = start("echo $$; sleep 600", 1)
    try:
        assert pids[0] not in list(orphans())
    finally:
        runner.kill()
        runner.wait()
        wait_for_end(pids)
