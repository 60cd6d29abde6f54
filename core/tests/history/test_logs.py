"""Log files: names that are safe, and following without losing a byte."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagu.errors import DaguError
from dagu.history.home import dagu_home
from dagu.history.logs import RunLogs, file_name, read_blocks
from dagu.history.ownership import RunLocks

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=255)


@given(NAMES, NAMES)
def test_names_are_safe_and_differ(one: str, other: str) -> None:
    name = file_name(one)
    assert name not in (".", "..")
    assert not set(name) & set("/\0\n\\")
    assert len(name.encode()) <= 150
    assert (file_name(other) == name) == (other == one)


def test_the_layout(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, "my flow", "r1")
    assert logs.path("say hi", 2, "stderr") == tmp_path / "logs" / "my flow" / "r1" / "say hi.2.stderr"
    assert logs.path("../../etc", 1, "stdout").parent == logs.directory
    assert logs.files() == []


def test_files_by_step_stream_and_attempt(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, "w", "r1")
    logs.make()
    for step, attempt, stream in (("a.1", 10, "stdout"), ("a.1", 2, "stdout"), ("a", 1, "stderr")):
        logs.path(step, attempt, stream).write_text("x")
    logs.run_log.write_text("x")
    assert [(log.step, log.attempt, log.stream) for log in logs.files()] == [
        ("a", 1, "stderr"),
        ("a.1", 2, "stdout"),
        ("a.1", 10, "stdout"),
    ]
    assert [log.attempt for log in logs.files("a.1", "stdout")] == [2, 10]
    assert logs.files("a", "stdout") == []


def test_following_ends_with_the_run_and_has_every_byte(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, "w", "r1")
    logs.make()
    first = logs.path("s", 1, "stdout")
    second = logs.path("s", 2, "stdout")
    logs.path("other", 1, "stdout").write_bytes(b"not this")
    first.write_bytes(b"early ")
    seen = bytearray()
    got_early, got_late = threading.Event(), threading.Event()

    def follow() -> None:
        for _log, block in logs.follow("s", "stdout"):
            seen.extend(block)
            got_early.set()
            if b"late" in seen:
                got_late.set()

    lock = RunLocks(tmp_path).acquire("r1")
    reader = threading.Thread(target=follow)
    reader.start()
    try:
        assert got_early.wait(60)
        with first.open("ab") as file:
            file.write(b"late ")
        assert got_late.wait(60)
        second.write_bytes(b"\xff\0second")
    finally:
        lock.release()
    reader.join(60)
    assert not reader.is_alive()
    assert bytes(seen) == b"early late \xff\0second"


def test_following_a_run_that_ended_is_reading_it(tmp_path: Path) -> None:
    logs = RunLogs(tmp_path, "w", "r1")
    logs.make()
    logs.path("s", 1, "stdout").write_bytes(b"x" * 700_000)
    assert sum(len(block) for _log, block in logs.follow("s")) == 700_000
    assert list(logs.follow("s", first_attempt=2)) == []


def test_reading(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"y" * 600_000)
    assert b"".join(read_blocks(tmp_path / "log")) == b"y" * 600_000
    with pytest.raises(DaguError, match="can't be read"):
        list(read_blocks(tmp_path / "none"))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"DAGU_HOME": " /x/y "}, "/x/y"),
        ({"DAGU_HOME": "~/d", "HOME": "/h"}, "/h/d"),
        ({"DAGU_HOME": "d"}, str(Path.cwd() / "d")),
        ({"XDG_DATA_HOME": "/data", "HOME": "/h"}, "/data/dagu"),
        ({"XDG_DATA_HOME": "data", "HOME": "/h"}, "/h/.local/share/dagu"),
        ({"DAGU_HOME": "", "HOME": "/h"}, "/h/.local/share/dagu"),
    ],
)
def test_home(environ: dict[str, str], expected: str) -> None:
    assert dagu_home(environ) == Path(expected)
