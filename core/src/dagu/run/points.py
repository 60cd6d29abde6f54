"""Named points in the life of a run, at which a test can have the runner killed.

``DAGU_FAULT_POINT=NAME`` has this process send SIGKILL to itself when it reaches that point for the first time;
``NAME:3`` for the third. Without the variable, a point costs a call that returns at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, cast

from dagu.contracts.runtime import ContainerRuntime

VARIABLE = "DAGU_FAULT_POINT"

POINTS = {
    "run-locked": "the run's lock is taken, nothing is recorded",
    "run-recorded": "the run is in history",
    "engine-reached": "the engine answered, nothing was looked at",
    "leftovers-removed": "what dead runs left is gone",
    "engine-ready": "the run may use the engine",
    "shared-container-ready": "the container of the run is up",
    "steps-begin": "the first step is about to start",
    "child-begins": "a child run is about to be recorded",
    "attempt-recorded": "an attempt is in history as running",
    "log-opened": "the attempt's log files are there",
    "gate-open": "a proxy listens for a container with an allowlist",
    "image-found": "the image was looked up",
    "network-created": "a network is there",
    "volume-created": "a volume is there",
    "container-created": "a container is there, not started",
    "bookmark-written": "what a resume would need is on disk",
    "archive-sent": "files were copied into a container",
    "container-attached": "the container's streams are connected",
    "container-started": "the container runs",
    "exec-started": "a command runs in the shared container",
    "host-command-started": "a command runs on the host",
    "output-logged": "the first output is in the log",
    "exec-ended": "a command in the shared container ended",
    "container-ended": "the container ended, its status is known",
    "host-command-ended": "a command on the host ended",
    "output-fetched": "the outputs of a step were fetched from its container",
    "container-removing": "a container is about to be removed",
    "container-removed": "a container was removed",
    "volume-removed": "a volume was removed",
    "attempt-ended": "an attempt's end is in history",
    "attempt-failed": "an attempt failed and is about to be repeated",
    "step-ended": "a step's end is in history",
    "steps-ended": "all steps ended",
    "handler-ended": "a handler ended",
    "engine-left": "all that was on the engine was given back",
    "network-removed": "a network was removed",
    "run-ended": "the run's end is in history, its lock is still held",
}
"""Every point, in the order of a run's life, and what is so when it is reached."""

_CALLS: dict[str, tuple[str, str]] = {
    "find_image": ("", "image-found"),
    "create_network": ("", "network-created"),
    "create_volume": ("", "volume-created"),
    "create": ("", "container-created"),
    "put_archive": ("", "archive-sent"),
    "attach": ("", "container-attached"),
    "start": ("", "container-started"),
    "exec": ("", "exec-started"),
    "wait": ("", "container-ended"),
    "remove": ("container-removing", "container-removed"),
    "remove_volume": ("", "volume-removed"),
    "remove_network": ("", "network-removed"),
}
"""Calls of a runtime: the points before and after them."""

_wanted, _, _count = os.environ.get(VARIABLE, "").partition(":")
_left = int(_count) if _count.isdigit() else 1
_lock = threading.Lock()


def reach(name: str) -> None:
    """This point is reached."""
    if _wanted:
        _reach(name)


def watched(runtime: ContainerRuntime) -> ContainerRuntime:
    """The runtime, with points around its calls where one of them is wanted."""
    return cast(ContainerRuntime, _Watched(runtime)) if _wanted else runtime


def _reach(name: str) -> None:
    global _left  # noqa: PLW0603 (a point is counted over the whole process)
    if name not in POINTS:
        raise AssertionError(f"{name} is not listed in POINTS")
    if name != _wanted:
        return
    with _lock:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class _Watched:
    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._runtime, name)
        return _around(value, *_CALLS[name]) if name in _CALLS else value


def _around(call: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        if before:
            reach(before)
        result = call(*arguments, **named)
        reach(after)
        return result

    return called
