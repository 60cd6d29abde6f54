"""Ending everything that carries a mark in its environment, and what that started."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dagu.testing.fake_runtime.process import number_of


def end_tree(mark: str, *, root: int, signal: str, grace: float) -> None:
    """Signal all processes of the mark, and kill those that are left after ``grace`` seconds.

    Args:
        root: The first process of the tree, 0 once it ended.
    """
    end = time.monotonic() + grace
    _signal(_marked(mark, root), signal)
    passes_without = 0
    # In the middle of execve(2) a process has no environment to read: only a second look is sure.
    while passes_without < 2:
        left = _marked(mark, root)
        passes_without = 0 if left else passes_without + 1
        if time.monotonic() >= end:
            _signal(left, "KILL")
        time.sleep(0.01)  # processes that are not our children can't be waited for


def _signal(processes: set[int], name: str) -> None:
    for process in processes:
        try:
            os.kill(process, number_of(name))
        except ProcessLookupError:
            continue


def _marked(mark: str, root: int) -> set[int]:
    """Living processes whose environment holds the mark, and the root, with their descendants."""
    wanted = mark.encode()
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
            if state in (b"Z", b"X"):
                continue
            environment = (entry / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        parents[int(entry.name)] = int(parent)
        if wanted in environment or int(entry.name) == root:
            found.add(int(entry.name))
    grown = True
    while grown:
        more = {process for process, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found
