"""Stopping a run: by Ctrl-C, by SIGTERM, by ``dagu stop``, by SIGKILL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

# The shell may notice the end of `sleep` before its own signal, and would exit for it.
PATIENT = "trap 'echo got it; exit 0' TERM; echo ready; while :; do sleep 0.05 || :; done"
STUBBORN = "trap '' TERM INT; echo ready; while :; do sleep 0.05 || :; done"


@pytest.fixture(autouse=True)
def _heard() -> None:
    """Also where these tests run under nohup(1), whose children ignore a hang-up."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def started(dagu: Any, command: str, *, grace: int = 30) -> subprocess.Popen[str]:
    """A run whose only step has printed something."""
    file = dagu.file(
        "w.yaml", f"max_clean_up_time_sec: {grace}\nsteps:\n  - id: loop\n    run: {json.dumps(command)}\n"
    )
    process: subprocess.Popen[str] = dagu.program("start", "-r", "r1", file)
    for line in process.stderr or ():
        if "loop: running" in line:
            break
    with dagu.program("logs", "r1", "loop", "--follow") as logs:
        assert logs.stdout.readline() == "ready\n"
        logs.kill()
    return process


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    out, _ = process.communicate(timeout=120)
    return process.returncode, out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_stops_the_run(dagu: Any, number: signal.Signals, code: int) -> None:
    process = started(dagu, PATIENT)
    process.send_signal(number)
    exit_code, out = ended(process)
    assert exit_code == code
    assert out.startswith("w  aborted")
    assert dagu("logs", "r1", "loop").out == "ready\ngot it\n"
    assert not list((dagu.home / "runs").iterdir())


def test_a_second_signal_kills(dagu: Any) -> None:
    process = started(dagu, STUBBORN, grace=3600)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    exit_code, out = ended(process)
    assert exit_code in (130, 143)
    assert "loop  aborted" in out


def test_the_first_signal_tells_of_the_second(dagu: Any) -> None:
    process = started(dagu, STUBBORN, grace=3600)
    process.send_signal(signal.SIGINT)
    assert next(line for line in process.stderr or () if "stopping" in line).startswith("stopping; a second")
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130


def test_stop_waits_for_the_end(dagu: Any) -> None:
    process = started(dagu, PATIENT)
    stopped = dagu("stop", "r1")
    assert (stopped.code, stopped.err) == (0, "run r1 ended: aborted\n")
    assert ended(process)[0] == 143
    again = dagu("stop", "r1")
    assert (again.code, again.err) == (0, "run r1 is not running: aborted\n")
    assert dagu("stop", "nope").code == 1


def test_stop_with_a_limit_and_again(dagu: Any) -> None:
    process = started(dagu, STUBBORN, grace=3600)
    limited = dagu("stop", "r1", "--timeout", "0.05")
    assert limited.code == 1
    assert "still running after 0.05 s" in limited.err
    assert dagu("stop", "r1").code == 0
    assert ended(process)[0] == 143


def test_a_killed_runner_leaves_an_interrupted_run(dagu: Any) -> None:
    process = started(dagu, f"echo $$ > {dagu.directory}/pid; {PATIENT}")
    process.kill()
    process.communicate(timeout=120)
    result = dagu("status", "--run-id", "r1")
    assert result.code == 0
    assert "loop  interrupted" in result.out
    assert json.loads(dagu("history", "--json").out)[0]["status"] == "interrupted"
    pid = Path(dagu.directory, "pid").read_text().strip()
    with suppress(ProcessLookupError):
        os.kill(int(pid), signal.SIGKILL)


def test_under_nohup_a_hang_up_is_not_heard(dagu: Any) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    process = started(dagu, f"echo ready; while [ ! -e {dagu.directory}/go ]; do sleep 0.05; done")
    process.send_signal(signal.SIGHUP)
    Path(dagu.directory, "go").touch()
    assert ended(process)[0] == 0


def test_a_run_whose_reader_is_gone_stops(dagu: Any) -> None:
    file = dagu.file("w.yaml", "steps:\n  - id: a\n    run: sleep 600\n")
    process = dagu.program("start", "-r", "r1", file)
    assert "started" in process.stderr.readline()
    process.stderr.close()
    process.stdout.close()
    assert process.wait(120) == 141
    result = dagu("status", "--run-id", "r1")
    assert "aborted" in result.out
    assert "its output has no reader any more" in result.out
    assert "running" not in result.out


def test_a_run_whose_terminal_is_gone_stops(dagu: Any) -> None:
    file = dagu.file("w.yaml", "steps:\n  - id: a\n    run: sleep 600\n")
    master, terminal = os.openpty()
    process = dagu.program("start", "-r", "r1", file, stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    seen = b""
    while b"running" not in seen:
        seen += os.read(master, 4096)
    os.close(master)
    assert process.wait(120) == 141
    assert "its output has no reader any more" in dagu("status", "--run-id", "r1").out
