from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dagu.contracts.provider import FileArgument
from dagu.contracts.streams import Streams
from dagu.errors import CommandForbidden, CommandNotFound, DaguError, RequestRefused
from dagu.sandbox.command import Command
from dagu.sandbox.host import HostPlace

ENV = {"PATH": os.environ["PATH"]}


class Output:
    def __init__(self) -> None:
        self.stdout = b""
        self.stderr = b""
        self.ready = threading.Event()

    def out(self, block: bytes) -> None:
        self.stdout += block
        if b"ready" in self.stdout:
            self.ready.set()

    def err(self, block: bytes) -> None:
        self.stderr += block

    @property
    def streams(self) -> Streams:
        return Streams(stdout=self.out, stderr=self.err)


def run(*argv: str | FileArgument, **fields: object) -> tuple[int, bytes, bytes]:
    output = Output()
    command = Command(argv=argv, **{"env": ENV, **fields})  # type: ignore[arg-type]
    status = HostPlace().start(command, output.streams).wait()
    return status.code, output.stdout, output.stderr


def test_streams_apart_and_exit_code() -> None:
    assert run("sh", "-c", "echo out; echo err >&2; exit 3") == (3, b"out\n", b"err\n")


def test_all_bytes_whole() -> None:
    data = bytes(range(256)) * 40_000
    assert run("cat", stdin=data) == (0, data, b"")


def test_no_input_is_empty_input() -> None:
    assert run("wc", "-c")[1].strip() == b"0"


def test_input_that_is_not_read_is_no_error() -> None:
    assert run("true", stdin=b"x" * 1_000_000)[0] == 0


def test_exactly_the_environment_that_was_given() -> None:
    _, out, _ = run("env", env={"PATH": ENV["PATH"], "ONLY": "this\nand that"})
    names = [line.partition(b"=")[0] for line in out.splitlines()]
    assert set(names) - {b"PATH", b"ONLY", b"and that", b"DAGU_EXEC_ID", b"DAGU_RUN_OWNER"} == set()


def test_killed_by_a_signal_is_128_and_its_number() -> None:
    assert run("sh", "-c", "kill -KILL $$")[0] == 137


def test_files_are_there_while_it_runs_and_private() -> None:
    code, out, _ = run(
        "sh",
        "-c",
        'cat "$1"; stat -c %a "$1"; echo "$1" >&2',
        "sh",
        FileArgument("f"),
        files={"f": b"text\n"},
    )
    assert (code, out) == (0, b"text\n700\n")


def test_files_are_gone_afterwards() -> None:
    _, out, _ = run("echo", FileArgument("f"), files={"f": b""})
    assert not Path(out.decode().strip()).exists()


def test_missing_program() -> None:
    with pytest.raises(CommandNotFound, match="no-such-program: command not found"):
        run("no-such-program")


def test_program_that_may_not_be_executed(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("")
    with pytest.raises(CommandForbidden):
        run(str(program))


def test_missing_directory() -> None:
    with pytest.raises(RequestRefused, match="working directory /no/such"):
        run("true", working_dir="/no/such")


def test_an_argument_that_no_process_can_have() -> None:
    with pytest.raises(RequestRefused):
        run("echo", "x" * 3_000_000)
    with pytest.raises(RequestRefused):
        run("echo", "a\0b")


def test_a_sink_that_fails_ends_the_command_and_is_told() -> None:
    def full(_block: bytes) -> None:
        raise DaguError("no space left")

    execution = HostPlace().start(Command(argv=("yes",), env=ENV), Streams(stdout=full))
    with pytest.raises(DaguError, match="no space left"):
        execution.wait()


STUBBORN = """
trap '' TERM
setsid sh -c 'trap "" TERM; echo $$ > {0}/daemon; exec sleep 600' &
(sleep 600 & echo $! > {0}/orphan)
env -i sh -c 'trap "" TERM; echo $$ > {0}/bare; sleep 600' &
while [ ! -s {0}/daemon ] || [ ! -s {0}/bare ]; do sleep 0.01; done
echo ready
wait
"""


def test_ending_takes_the_whole_tree(tmp_path: Path) -> None:
    output = Output()
    command = Command(argv=("sh", "-c", STUBBORN.format(tmp_path)), env=ENV)
    execution = HostPlace().start(command, output.streams)
    threading.Thread(target=execution.wait).start()
    assert output.ready.wait(60)
    execution.end(signal="TERM", grace=0.2)
    assert execution.wait().code == 128 + signal.SIGKILL
    for name in ("daemon", "orphan", "bare"):
        assert not alive(int((tmp_path / name).read_text())), name


def test_a_signal_that_is_heeded_needs_no_kill() -> None:
    output = Output()
    command = Command(
        argv=("sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"), env=ENV
    )
    execution = HostPlace().start(command, output.streams)
    threading.Thread(target=execution.wait).start()
    assert output.ready.wait(60)
    execution.end(signal="TERM", grace=60)
    assert execution.wait().code == 5


def test_what_is_ended_before_anybody_waits_can_still_print() -> None:
    output = Output()
    script = "trap 'head -c 1000000 /dev/zero; exit 5' TERM; touch $0; while :; do sleep 0.05; done"
    with TemporaryDirectory() as folder:
        begun = Path(folder, "begun")
        execution = HostPlace().start(Command(argv=("sh", "-c", script, str(begun)), env=ENV), output.streams)
        while not begun.exists():
            time.sleep(0.01)
        execution.end(signal="TERM", grace=60)
    assert execution.wait().code == 5
    assert output.stdout == bytes(1_000_000)


def test_input_is_read_after_output_was_closed(tmp_path: Path) -> None:
    code, _, _ = run("sh", "-c", f"exec >&- 2>&-; sleep 0.2; cat >{tmp_path}/all", stdin=b"x" * 1_000_000)
    assert code == 0
    assert (tmp_path / "all").stat().st_size == 1_000_000


def test_without_a_descriptor_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    assert run("sh", "-c", "echo out; exit 3") == (3, b"out\n", b"")


def test_ending_twice_and_after_the_end_is_fine() -> None:
    execution = HostPlace().start(Command(argv=("true",), env=ENV), Streams())
    execution.wait()
    execution.end(grace=0)
    execution.end(grace=0)


def test_what_holds_the_output_open_does_not_outlive_its_command(tmp_path: Path) -> None:
    code, _, _ = run("sh", "-c", f"sleep 600 & echo $! > {tmp_path}/pid")
    assert code == 0
    assert not alive(int((tmp_path / "pid").read_text()))


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in (b"Z", b"X")
