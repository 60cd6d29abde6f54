"""Files that a command writes for itself, through this machine's shell; and what init processes say."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from dagu.contracts.container import ContainerRequest, ExitStatus
from dagu.contracts.provider import FileArgument
from dagu.errors import CommandForbidden, CommandNotFound, RequestRefused
from dagu.sandbox.command import Command
from dagu.sandbox.files import File, unpack, with_files
from dagu.sandbox.init_words import InitWords
from dagu.testing import FakeRuntime


def run(command: Command) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command.placed({}), input=command.stdin, capture_output=True, check=False, timeout=60
    )


@pytest.mark.parametrize("clean_up", [True, False])
def test_files_come_first_and_standard_input_after(clean_up: bool, tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    show = 'cat "$1" | wc -c; ls -l "$1" | cut -c1-10; cat "$2"; cat; exit 7'
    command = Command(
        argv=("sh", "-c", show, "x", FileArgument("large"), FileArgument("empty", "")),
        stdin=b"the input\n",
        files={"large": content, "empty": b"", "small": b"\0"},
    )
    ready, folder = with_files(command, clean_up=clean_up, temporary=str(tmp_path))
    done = run(ready)
    assert done.stderr == b""
    assert done.stdout == b"256000\n-rwx------\nthe input\n"
    assert done.returncode == 7
    assert Path(folder).exists() is not clean_up
    assert not any(b"input" in part.encode() for part in ready.placed({}))


def test_more_files_stay_with_their_mode(tmp_path: Path) -> None:
    secret = File(path=f"{tmp_path}/secret", content=b"value", mode=0o400)
    ready, folder = with_files(Command(argv=("true",)), clean_up=True, temporary=str(tmp_path), more=[secret])
    for _ in range(2):  # a second time over the first
        assert run(ready).returncode == 0
    assert folder == ""
    assert Path(secret.path).read_bytes() == b"value"
    assert Path(secret.path).stat().st_mode & 0o777 == 0o400


def test_without_files_nothing_is_wrapped() -> None:
    command = Command(argv=("true",), keep_entrypoint=True)
    assert with_files(command, clean_up=True) == (command, "")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    ready, _ = with_files(
        Command(argv=("echo", "never"), files={"a": b"x"}), clean_up=True, temporary=f"{tmp_path}/file"
    )
    (tmp_path / "file").write_text("")
    done = run(ready)
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr


@pytest.mark.parametrize("name", ["a b", "a/b", "", "a\nb"])
def test_names_that_would_break_the_listing_are_refused(name: str) -> None:
    with pytest.raises(RequestRefused):
        with_files(Command(argv=("true",), files={name: b""}), clean_up=True)


def test_a_missing_program_behind_files_is_named(tmp_path: Path) -> None:
    command = Command(argv=("no-such-program", FileArgument("a")), files={"a": b"x"})
    for clean_up in (True, False):
        ready, _ = with_files(command, clean_up=clean_up, temporary=str(tmp_path))
        done = run(ready)
        assert done.returncode == 127
        assert b"no-such-program" in done.stderr


TINI = b"[FATAL tini (7)] exec nope failed: No such file or directory\n"
CATATONIT = b"ERROR (catatonit:6): failed to exec pid1: Permission denied\n"


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_an_init_process_that_found_no_program(size: int) -> None:
    passed: list[bytes] = []
    words = InitWords(passed.append)
    for start in range(0, len(TINI), size):
        words(TINI[start : start + size])
    with pytest.raises(CommandNotFound, match="nope"):
        words.judge(ExitStatus(code=127), "nope")
    assert passed == []


def test_an_init_process_that_may_not_execute_it() -> None:
    words = InitWords(lambda _block: None)
    words(CATATONIT)
    with pytest.raises(CommandForbidden, match="Permission denied"):
        words.judge(ExitStatus(code=1), "/etc/passwd")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", 1),
        (b"[FAT", 1),
        (b"[FATAL error in my program\n", 1),
        (TINI + b"and more\n", 127),
        (b"before\n" + TINI, 127),
        (TINI, 0),
    ],
)
def test_what_the_program_says_itself_is_passed_on(said: bytes, code: int) -> None:
    passed: list[bytes] = []
    words = InitWords(passed.append)
    for byte in said:
        words(bytes([byte]))
    words.judge(ExitStatus(code=code), "x")
    assert b"".join(passed) == said


def test_a_directory_that_is_not_in_the_container_is_a_refusal() -> None:
    with FakeRuntime(["alpine"]) as runtime:
        container = runtime.create(ContainerRequest(image="alpine", command=("true",)))
        with pytest.raises(RequestRefused, match="/nowhere"):
            unpack(runtime, container, "/nowhere", io.BytesIO())
