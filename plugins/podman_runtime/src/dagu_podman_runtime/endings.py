"""Ends what an exec started, which Podman can't do: first by the process table, else by a look from inside."""

from __future__ import annotations

import os
import signal as signals
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dagu.contracts import process_tree
from dagu.errors import CommandNotFound, ContainerNotFound, RuntimeFailure, Unsupported
from dagu_podman_runtime.request import signal_number

_PAUSE = 0.05  # seconds between two looks at processes that were signalled
_PATIENCE = 30.0  # seconds for killed processes to be gone, and for the engine to notice


@dataclass(frozen=True, kw_only=True)
class Tree:
    """What an exec started, and how to find it.

    Attributes:
        marker: In the environment of all of it.
        pid: Of the container's first process in this machine's process table, 0 where that is another one.
        user: Of the exec, empty for the container's own.
        running: The container runs.
    """

    marker: str
    pid: int
    user: str
    running: bool


class Runner(Protocol):
    """Runs a command in a container to its end."""

    def run(
        self, container: str, argv: tuple[str, ...], *, user: str, privileged: bool
    ) -> tuple[int, bytes]: ...


Sweep = Callable[[str], int]
"""Signals every process of a tree once (``0`` only counts) and tells how many there were."""


def end_tree(
    runner: Runner, container: str, tree: Tree, *, signal: str, grace: float, ended: Callable[[], bool]
) -> None:
    """Signal all processes of a tree, wait, and kill what is left, until nothing is.

    Args:
        ended: Whether the exec's own process has ended, as the engine says.

    Raises:
        Unsupported: Neither way works for this container.
    """
    name = signal.upper().removeprefix("SIG")
    sweep = table_sweep(tree.marker) if may_use_table(tree.pid) else None
    if sweep is None:
        sweep = inside_sweep(runner, container, tree)
    limit = time.monotonic() + grace + _PATIENCE
    try:
        _end(sweep, name, grace)
        while not ended():
            # It was about to start, or to be seen to have ended. If neither, the look from inside lacks a tool.
            if time.monotonic() > limit:
                raise _no_way(container)
            time.sleep(_PAUSE)
            _end(sweep, name, grace)
    except ContainerNotFound:
        return  # it ended, and with it everything in it
    except CommandNotFound as error:
        raise _no_way(container) from error


def may_use_table(pid: int) -> bool:
    """Whether processes of a container can be looked at and signalled from here."""
    return pid > 0 and os.geteuid() == 0


def table_sweep(marker: str) -> Sweep:
    """A sweep over the machine's process table. The marker is one of a kind, so it tells the container, too."""
    wanted = f"{process_tree.MARKER}={marker}".encode()
    # What was found once is known by its number and start, also when its parent is gone and its environment bare.
    known: set[tuple[int, int]] = set()

    def sweep(name: str) -> int:
        number = 0 if name == "0" else signal_number(name)
        # A process that executes a program has no environment for a moment.
        found = _marked(wanted, known) or _marked(wanted, known)
        known.update((process.pid, process.start) for process in found)
        return sum(_signal(process, number) for process in found)

    return sweep


def inside_sweep(runner: Runner, container: str, tree: Tree) -> Sweep:
    """A sweep by commands in the container: as root with all capabilities, and as the exec's user."""
    # Root sees every process, except where a user namespace or a security module keeps it from doing so.
    ways = [("0", True)] if tree.user in ("", "0", "root", "0:0") else [("0", True), (tree.user, False)]

    def sweep(name: str) -> int:
        found = 0
        for user, privileged in ways:
            argv = process_tree.sweep_argv(tree.marker, name)
            code, output = runner.run(container, argv, user=user, privileged=privileged)
            if code == 0 and output.strip().isdigit():
                found = max(found, int(output))
            elif code not in (137, 143):
                raise _no_way(container)
        return found

    return sweep


def _end(sweep: Sweep, name: str, grace: float) -> None:
    limit = time.monotonic() + grace
    left = sweep(name) if grace > 0 else 1
    while left and time.monotonic() < limit:
        time.sleep(min(_PAUSE, max(0.0, limit - time.monotonic())))
        left = sweep("0")
    limit = time.monotonic() + _PATIENCE
    while left:
        left = sweep("KILL")
        if left and time.monotonic() > limit:
            raise RuntimeFailure(
                f"{left} processes of an ended command do not go away",
                hint="they wait in the kernel, for a device or a file server; end the container",
            )
        if left:
            time.sleep(_PAUSE)


@dataclass(frozen=True)
class _Process:
    """A process; its number may be another's later, number and start together are not."""

    pid: int
    parent: int
    start: int
    zombie: bool


def _process(pid: int) -> _Process:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return _Process(pid=pid, parent=int(fields[1]), start=int(fields[19]), zombie=fields[0] in "ZX")


def _marked(wanted: bytes, known: set[tuple[int, int]]) -> list[_Process]:
    """The processes that carry the marker or are known, and what descends from them, zombies left out."""
    processes: dict[int, _Process] = {}
    marked: set[int] = set()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            process = processes[pid] = _process(pid)
            if (pid, process.start) in known or wanted in Path(f"/proc/{pid}/environ").read_bytes().split(
                b"\0"
            ):
                marked.add(pid)
        except OSError:
            continue  # it ended in between
    grew = True
    while grew:
        more = {pid for pid, process in processes.items() if process.parent in marked} - marked
        grew = bool(more)
        marked |= more
    alive = [processes[pid] for pid in marked if not processes[pid].zombie]
    # The oldest first: a parent is to hear of the signal before it sees its children end by it.
    return sorted(alive, key=lambda process: (process.start, process.pid))


def _signal(process: _Process, number: int) -> bool:
    """Send a signal, 0 for none; tells whether the process is still there."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if _process(process.pid).start != process.start:
            return False
        if number:
            signals.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _no_way(container: str) -> Unsupported:
    return Unsupported(
        f"what a command started in the container {container!r} can't be ended one by one: its image has no shell"
        " with tr, grep and cat",
        hint="use an image that has them, or give the step a container of its own",
    )
