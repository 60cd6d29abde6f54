"""The live view: what it draws, and that it leaves a clean terminal."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import threading
from typing import Any

import pytest
from rich.console import Console

from dagu.cli.views.live import LiveView
from dagu.contracts.events import (
    ImagePull,
    Notice,
    RunFinished,
    RunStarted,
    StepFinished,
    StepOutput,
    StepStarted,
)
from dagu.contracts.runtime import PullProgress

AT: dict[str, Any] = {"run_id": "r1", "workflow": "flow", "at": 1000.0}


class Screen:
    def __init__(self, *, height: int = 24, width: int = 90) -> None:
        self.output = io.StringIO()
        self.console = Console(file=self.output, width=width, height=height, force_terminal=True)
        self.view = LiveView(self.console)

    def lines(self) -> list[str]:
        """The run as it is drawn now."""
        plain = Console(file=io.StringIO(), width=self.console.width, height=self.console.height)
        plain.print(self.view.render())
        assert isinstance(plain.file, io.StringIO)
        return [line.rstrip() for line in plain.file.getvalue().splitlines()]


def test_steps_change_in_place() -> None:
    screen = Screen()
    with screen.view as view:
        view.event(RunStarted(steps=("one", "two"), **AT))
        view.event(StepStarted(step="one", attempt=2, **AT))
        view.event(StepOutput(step="one", stream="stdout", block=b"first\nse", **AT))
        view.event(StepOutput(step="one", stream="stderr", block=b"\x1b[31mcond\r\n", **AT))
        head, one, two = screen.lines()
        assert head.startswith("flow  r1")
        assert "one running (attempt 2)" in one
        assert one.endswith(" second")
        assert two == "· two not started" or two.split() == ["·", "two", "not", "started"]
        view.event(StepFinished(step="one", attempt=2, status="failed", exit_code=1, error="why\nmore", **AT))
        assert screen.lines()[1].startswith("✗ one failed")
        assert screen.lines()[1].endswith("why")


@pytest.mark.parametrize("width", [40, 100])
def test_a_long_line_leaves_room_for_how_a_step_stands(width: int) -> None:
    screen = Screen(width=width)
    with screen.view as view:
        view.event(RunStarted(steps=("short", "a_name_as_long_as_they_come_40_bytes_long"), **AT))
        view.event(StepStarted(step="short", attempt=1, **AT))
        view.event(StepOutput(step="short", stream="stdout", block=b"x" * 300, **AT))
        view.event(StepFinished(step="short", attempt=1, status="succeeded", **{**AT, "at": 1003.0}))
        _, short, long = screen.lines()
    assert short.split()[:4] == ["✓", "short", "succeeded", "3s"]
    assert "xx" in short
    assert "not started" in long


def test_a_pull_has_a_bar_until_it_is_done() -> None:
    screen = Screen()
    progress = PullProgress(
        image="alpine:3", status="Downloading", bytes_done=5_000_000, bytes_total=10_000_000
    )
    with screen.view as view:
        view.event(RunStarted(steps=("one",), **AT))
        view.event(ImagePull(progress=progress, **AT))
        assert "↓ alpine:3" in screen.lines()[-1]
        assert "5.0 of 10.0 MB" in screen.lines()[-1]
        view.event(ImagePull(progress=PullProgress(image="busybox", status="Waiting"), **AT))
        assert "0 of ? layers" in screen.lines()[-1]
        view.event(ImagePull(progress=progress, done=True, **AT))
        assert "alpine" not in "\n".join(screen.lines())


def test_more_steps_than_lines() -> None:
    screen = Screen(height=10)
    names = tuple(f"s{number:02}" for number in range(40))
    with screen.view as view:
        view.event(RunStarted(steps=names, **AT))
        for name in names[:30]:
            view.event(StepFinished(step=name, attempt=1, status="succeeded", **AT))
        view.event(StepStarted(step="s30", attempt=1, **AT))
        lines = screen.lines()
    assert len(lines) <= 10
    assert any("s30" in line for line in lines)
    assert lines[-1] == "  and 34 more steps"


def test_a_child_run_does_not_disturb() -> None:
    screen = Screen()
    child: dict[str, Any] = {**AT, "run_id": "r2", "workflow": "child"}
    with screen.view as view:
        view.event(RunStarted(steps=("one",), **AT))
        view.event(RunStarted(steps=("inner",), **child))
        view.event(StepStarted(step="inner", attempt=1, **child))
        view.event(RunFinished(status="failed", error="child failed", **child))
        assert len(screen.lines()) == 2


def test_notices_stand_above_without_escapes() -> None:
    screen = Screen()
    with screen.view as view:
        view.event(Notice(text="mind \x1b[2Jthis", step="one", **AT))
    assert "one: mind this" in screen.output.getvalue()


@pytest.mark.parametrize("columns", [100, 20])
def test_on_a_real_terminal(dagu: Any, columns: int) -> None:
    file = dagu.file(
        "w.yaml",
        "steps:\n  - id: say\n    run: echo visible; sleep 0.5\n  - id: bad\n    run: exit 3\n    depends: say\n",
    )
    ours, theirs = pty.openpty()
    import fcntl
    import struct
    import termios

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environ = {**dagu.environ, "TERM": "xterm-256color"}
    environ.pop("NO_COLOR", None)
    process: subprocess.Popen[str] = dagu.program(
        "start", "-r", "r1", file, stdout=theirs, stderr=theirs, env=environ
    )
    os.close(theirs)
    seen = bytearray()

    def read() -> None:
        try:
            while block := os.read(ours, 65536):
                seen.extend(block)
        except OSError:
            pass  # the other end was closed

    reader = threading.Thread(target=read)
    reader.start()
    assert process.wait(timeout=120) == 1
    reader.join(60)
    os.close(ours)
    text = seen.decode()
    assert "\x1b[?25h" in text  # the cursor is there again
    tree = text.rpartition("\x1b[?25h")[2]
    assert "└─ bad" in tree
    assert "say" in tree
    assert "Traceback" not in text
    if columns > 50:
        assert "visible" in text
