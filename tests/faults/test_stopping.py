"""Stopping means stopped: whatever ends a run, nothing of what its steps started is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_dagu import Dagu, Running
from e2e_images import BUSYBOX, Images

from dagu.history.records import Status
from dagu.sandbox.strays import Strays

GRACE = 1.0
SLACK = 2.0
"""Seconds that the end of a tree may take beyond the grace period, on a machine with nothing else to do."""
LIMIT = 8.0
"""Seconds that a step may take where its time is what ends it; its tree is up long before."""
MEMBERS = 5

# Each ignores what can be ignored; `$0` of each is the token, by which they are found. In turn: the first process, a
# child of it, one in a session of its own whose parent is gone, one that cleared its environment, another user's.
TREE = """
trap '' TERM INT HUP
idle='trap "" TERM INT HUP; echo member; while :; do {b}sleep 1; done'
{b}sh -c "$idle" {token} &
({b}setsid {b}sh -c "$idle" {token} &)
{b}env -i {b}sh -c "$idle" {token} &
{other} -c "$idle" {token} &
exec {b}sh -c "$idle" {token}
"""
OTHER_HOST = "setpriv --reuid 65534 --regid 65534 --clear-groups sh"
OTHER_INSIDE = "{b}start-stop-daemon -S -p /none -c guest -x {first}"
BARE = "/busybox "


def members(token: str) -> list[int]:
    """Processes that carry the token in their arguments; those of containers are among the machine's."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
                state = (entry / "stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue
            if token.encode() in arguments and state not in (b"Z", b"X"):
                found.append(int(entry.name))
    return found


def stop_command(running: Running) -> None:
    # Its own start counts for nothing.
    assert running.dagu.command("stop", "nobody").returncode == 1
    running.dagu.begin("stop", running.run_id)


def send(number: signal.Signals) -> Callable[[Running], None]:
    return lambda running: running.process.send_signal(number)


def lose_reader(running: Running) -> None:
    assert running.process.stderr is not None
    running.process.stderr.close()


def wait_for_time(_running: Running) -> None:
    return None


STOPS: dict[str, Callable[[Running], None]] = {
    "timeout": wait_for_time,
    "dagu stop": stop_command,
    "Ctrl-C": send(signal.SIGINT),
    "SIGTERM": send(signal.SIGTERM),
    "lost reader": lose_reader,
}
ALPINE = '{image: "alpine:3.20"}'


def source(place: str, token: str, *, timeout: bool, container: str = ALPINE, b: str = "") -> str:
    other = OTHER_HOST
    if place != "host":
        other = OTHER_INSIDE.format(b=b, first="/busybox -- sh" if b else "/bin/sh --")
    tree = TREE.format(token=token, other=other, b=b)
    script = "".join(f"      {line}\n" for line in tree.strip().splitlines())
    container = f"container: {container}\n"
    return (
        f"max_clean_up_time_sec: {GRACE:g}\n"
        + (container if place == "shared" else "")
        + "steps:\n  - id: tree\n"
        + (f"    {container}" if place == "own" else "")
        + (f"    timeout_sec: {LIMIT:g}\n" if timeout else "")
        + f"    run: |\n{script}"
    )


def began(token: str) -> None:
    deadline = time.monotonic() + 120
    while len(found := members(token)) < MEMBERS:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)


def check(running: Running, token: str, kind: str) -> None:
    """Stop a run and see that all is gone in time."""
    allowed = GRACE + SLACK * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    try:
        began(token)
        STOPS[kind](running)
        asked = time.monotonic()
        while kind != "timeout" and members(token):
            assert time.monotonic() - asked < allowed, "still there"
            time.sleep(0.02)
        running.process.wait(120)
        assert members(token) == []
    finally:
        for pid in members(token):
            os.kill(pid, signal.SIGKILL)
    ran = running.dagu.ran(
        running.run_id, subprocess.CompletedProcess([], running.process.returncode, "", "")
    )
    assert ran.code != 0
    step = ran.step("tree")
    assert step.status is (Status.FAILED if kind == "timeout" else Status.ABORTED)
    if kind == "timeout":
        assert step.exit_code == 124
        (attempt,) = step.attempts
        assert attempt.finished_at is not None
        assert attempt.finished_at - attempt.started_at < LIMIT + allowed
    assert ran.record.status.ended


@pytest.fixture
def token() -> str:
    return f"dagu-tree-{os.urandom(5).hex()}"


@pytest.fixture
def dagu_host(directory: Path, tmp_path: Path) -> Dagu:
    return Dagu(tmp_path / "home", directory, None)


@pytest.mark.parametrize("kind", STOPS)
def test_on_the_host(dagu_host: Dagu, token: str, kind: str) -> None:
    running = dagu_host.begin_run(source("host", token, timeout=kind == "timeout"))
    check(running, token, kind)


@pytest.mark.parametrize("kind", STOPS)
@pytest.mark.parametrize("place", ["own", "shared"])
def test_in_a_container(dagu: Dagu, token: str, place: str, kind: str) -> None:
    running = dagu.begin_run(source(place, token, timeout=kind == "timeout"))
    check(running, token, kind)


@pytest.mark.parametrize("place", ["own", "shared"])
@pytest.mark.parametrize("kind", ["timeout", "SIGTERM"])
def test_in_an_image_without_a_shell(dagu: Dagu, images: Images, token: str, place: str, kind: str) -> None:
    files = {"/busybox": BUSYBOX.read_bytes(), "/etc/passwd": b"root:x:0:0::/:\nguest:x:405:100::/:\n"}
    image = images.of_files(f"dagu-faults-bare-{os.urandom(4).hex()}", files)
    container = f'{{image: "{image}", shell: [/busybox, sh, -c]'
    if place == "shared":
        container += ", startup: command, command: [/busybox, sleep, '86400']"
    text = source(place, token, timeout=kind == "timeout", container=container + "}", b=BARE)
    # A script would be written into a file by a shell of the image; a command is not.
    head, _, script = text.partition("    run: |\n")
    lines = [line.strip() for line in script.splitlines()]
    command = " ".join(line if line.endswith("&") else f"{line};" for line in lines)
    check(dagu.begin_run(f"{head}    run: {json.dumps(command)}\n"), token, kind)


def in_existing(dagu: Dagu, token: str, *, timeout: bool = False) -> tuple[str, Running]:
    name = dagu.name()
    container = dagu.container(name=name)
    text = source("own", token, timeout=timeout, container=f"{{exec: {name}}}")
    return container, dagu.begin_run(text)


@pytest.mark.parametrize("kind", ["timeout", "SIGTERM"])
def test_in_a_container_of_others(dagu: Dagu, token: str, kind: str) -> None:
    container, running = in_existing(dagu, token, timeout=kind == "timeout")
    check(running, token, kind)
    assert dagu.runtime.inspect(container).running


def gone(token: str) -> None:
    deadline = time.monotonic() + 60
    while members(token):
        assert time.monotonic() < deadline, "still there"
        time.sleep(0.02)


def guardian(running: Running) -> int:
    """The guardian of a run's process."""
    (found,) = (
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if b"dagu-guardian" in path.read_bytes() and f"/{running.process.pid}/".encode() in path.read_bytes()
    )
    return found


def test_a_killed_runner_leaves_no_command_in_a_container_of_others(dagu: Dagu, token: str) -> None:
    container, running = in_existing(dagu, token)
    began(token)
    running.process.kill()
    running.process.communicate()
    gone(token)
    assert dagu.runtime.inspect(container).running


def test_nor_where_its_guardian_can_not_see_them(dagu: Dagu, token: str) -> None:
    container, running = in_existing(dagu, token)
    began(token)
    os.kill(guardian(running), signal.SIGKILL)
    running.process.kill()
    running.process.communicate()
    # A run of another test that starts just now ends what it sees of dead runners, and may be the first.
    assert all(text.startswith("ended ") for text in Strays(dagu.home).end(dagu.runtime))
    assert members(token) == []
    assert dagu.runtime.inspect(container).running
    assert list(Strays(dagu.home).end(dagu.runtime)) == []


def test_commands_of_a_living_runner_are_no_strays(dagu: Dagu, token: str) -> None:
    _, running = in_existing(dagu, token)
    began(token)
    assert dagu.command("gc").returncode == 0
    assert list(Strays(dagu.home).end(dagu.runtime)) == []
    assert len(members(token)) == MEMBERS
    check(running, token, "SIGTERM")
    assert list((dagu.home / "execs").iterdir()) == []
