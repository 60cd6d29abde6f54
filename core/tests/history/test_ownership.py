"""The lock of a run: one owner, given back by the kernel."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from dagu.errors import DaguError, UsageError
from dagu.history.ownership import Owner, RunLocks

_OWN = """
import subprocess, sys
from pathlib import Path
from dagu.history.ownership import RunLocks
lock = RunLocks(Path(sys.argv[1])).acquire("r1")
child = subprocess.Popen(["sleep", "600"], close_fds=False)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def locks(tmp_path: Path) -> RunLocks:
    return RunLocks(tmp_path)


@contextmanager
def owner(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that owns run r1 and has started a program that outlives it."""
    with subprocess.Popen(
        [sys.executable, "-c", _OWN, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            yield process
        finally:
            process.kill()
            os.kill(child, signal.SIGKILL)


def test_one_owner_at_a_time(locks: RunLocks) -> None:
    assert not locks.is_alive("r1")
    with locks.acquire("r1"):
        assert locks.is_alive("r1")
        assert not locks.is_alive("r2")
        with pytest.raises(UsageError, match="r1 is running already"):
            locks.acquire("r1")
    assert not locks.is_alive("r1")
    assert not locks.path("r1").exists()
    locks.acquire("r1").release()


def test_releasing_twice_leaves_the_next_owner_alone(locks: RunLocks) -> None:
    first = locks.acquire("r1")
    first.release()
    with locks.acquire("r1"):
        first.release()
        assert locks.is_alive("r1")


def test_a_killed_owner_gives_it_back_though_its_children_live(locks: RunLocks, tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        assert locks.owner_pid("r1") == process.pid
        assert locks.is_alive("r1")
        assert not locks.wait_until_free("r1", timeout=0.05)
        process.kill()
        assert locks.wait_until_free("r1", timeout=60)
        assert locks.owner("r1") is None
        # The file is still there; it does not stop the next owner.
        assert locks.path("r1").exists()
        with locks.acquire("r1"):
            assert locks.is_alive("r1")


def test_waiting_without_a_limit(locks: RunLocks, tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        threading.Timer(0.05, process.kill).start()
        assert locks.wait_until_free("r1")
    assert locks.wait_until_free("never-run")


def test_a_signal_reaches_the_owner(locks: RunLocks, tmp_path: Path) -> None:
    with owner(tmp_path) as process:
        assert locks.send_signal("r1", signal.SIGTERM)
        assert process.wait(timeout=60) == -signal.SIGTERM
        assert not locks.send_signal("r1", signal.SIGTERM)


def test_an_owner_elsewhere_is_not_signalled(locks: RunLocks) -> None:
    with locks.acquire("r1"):
        here = locks.owner("r1")
        assert here is not None
        assert here.reachable
        locks.path("r1").write_text(
            f'{{"pid": {here.pid}, "boot_id": "{here.boot_id}", "pid_namespace": "pid:[1]"}}'
        )
        assert locks.owner("r1") == Owner(here.pid, here.boot_id, "pid:[1]")
        assert locks.owner_pid("r1") is None
        with pytest.raises(UsageError, match="another container or machine"):
            locks.send_signal("r1", signal.SIGKILL)


def test_looking_never_gets_in_the_way_of_owning(locks: RunLocks) -> None:
    locks.acquire("r1").release()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            locks.is_alive("r1")
            locks.owner("r1")

    with ThreadPoolExecutor(4) as pool:
        looking = [pool.submit(look) for _ in range(4)]
        try:
            for _ in range(300):
                with locks.acquire("r1"):
                    pass
        finally:
            stop.set()
        for result in looking:
            result.result()


def test_racing_owners(locks: RunLocks) -> None:
    inside = 0
    wins = 0
    guard = threading.Lock()

    def race(_number: int) -> None:
        nonlocal inside, wins
        for _ in range(200):
            try:
                lock = locks.acquire("r1")
            except UsageError:
                continue
            with guard:
                inside += 1
                wins += 1
                assert inside == 1
            with guard:
                inside -= 1
            lock.release()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(race, range(4)))
    assert wins > 0


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "a" * 65, "ü"])
def test_what_is_no_run_id(locks: RunLocks, run_id: str) -> None:
    with pytest.raises(UsageError, match="is no run id"):
        locks.is_alive(run_id)


def test_a_directory_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(DaguError, match="can't be made"):
        RunLocks(tmp_path).acquire("r1")


def test_a_run_that_is_kept_free_gets_no_owner_meanwhile(locks: RunLocks) -> None:
    locks.acquire("r0").release()
    owned = threading.Event()

    def own() -> None:
        with locks.acquire("r1"):
            owned.set()

    with locks.kept_free("r1") as free:
        assert free
        with locks.kept_free("r1") as also:
            assert also
        thread = threading.Thread(target=own)
        thread.start()
        assert not owned.wait(0.2)
    thread.join(60)
    assert owned.is_set()
    assert not locks.path("r1").exists()


def test_a_run_with_an_owner_is_not_kept_free(locks: RunLocks) -> None:
    with locks.acquire("r1"):
        with locks.kept_free("r1") as free:
            assert not free
        assert locks.is_alive("r1")


def test_a_home_that_is_gone_has_no_owners(tmp_path: Path) -> None:
    with RunLocks(tmp_path / "gone").kept_free("r1") as free:
        assert free
    assert not (tmp_path / "gone").exists()
