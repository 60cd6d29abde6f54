"""The recorder writes down how a program was called, and plays its script."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from dagu.contracts.provider import FileArgument, Invocation
from dagu.testing import AgentRecorder


@pytest.fixture
def recorder(tmp_path: Path) -> AgentRecorder:
    return AgentRecorder(tmp_path / "a folder")


def test_call_is_written_down(recorder: AgentRecorder) -> None:
    recorder.install("agent")
    odd = "a b\n'\"$x \udcff é"
    invocation = Invocation(
        argv=("agent", odd, FileArgument("p.md", "--file=")),
        stdin=b"\x00\xff",
        env={"FROM_PROVIDER": "1"},
        files={"p.md": b"content"},
    )
    done = recorder.run(invocation, env={"SECRET": "s"})
    assert done.returncode == 0
    (call,) = recorder.calls("agent")
    assert Path(call.argv[0]).name == "agent"
    assert call.argv[1] == odd
    assert call.stdin == b"\x00\xff"
    assert (call.env["FROM_PROVIDER"], call.env["SECRET"]) == ("1", "s")
    ((path, file),) = call.files.items()
    assert call.argv[2] == f"--file={path}"
    assert file.content == b"content"
    assert file.mode == 0o600
    assert "SECRET" not in repr(call)


def test_script_is_played(recorder: AgentRecorder) -> None:
    recorder.install("agent", stdout=[b"one\n", b"two"], stderr=b"oops", delay=0.2, exit_code=3)
    start = time.monotonic()
    done = recorder.run(Invocation(argv=("agent",)))
    assert time.monotonic() - start >= 0.4
    assert (done.stdout, done.stderr, done.returncode) == (b"one\ntwo", b"oops", 3)


def test_crash(recorder: AgentRecorder) -> None:
    recorder.install("agent", stdout=[b"half a li"], crash=True)
    done = recorder.run(Invocation(argv=("agent",)))
    assert done.stdout == b"half a li"
    assert done.returncode == -9


def test_standard_input_may_stay_unread(recorder: AgentRecorder) -> None:
    recorder.install("agent", reads_stdin=False)
    done = recorder.run(Invocation(argv=("agent",), stdin=b"x" * 10_000_000))
    assert done.returncode == 0
    assert recorder.calls("agent")[0].stdin == b""


def test_calls_come_in_order(recorder: AgentRecorder) -> None:
    recorder.install("first")
    recorder.install("second")
    for number in range(3):
        recorder.run(Invocation(argv=("first", str(number))))
    assert [call.argv[1] for call in recorder.calls("first")] == ["0", "1", "2"]
    assert recorder.calls("second") == []


def test_stand_ins_are_plain_programs(recorder: AgentRecorder) -> None:
    program = recorder.install("agent", stdout=[b"hi"])
    assert program.parent == recorder.bin
    assert stat.S_IMODE(program.stat().st_mode) == 0o755
    assert os.popen(f"'{program}'").read() == "hi"
