"""Lines of growing files by number."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagu_web_server import logfile
from dagu_web_server.logfile import LINE_LIMIT, LogIndex, LogIndexes


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "BLOCK", 16)
    monkeypatch.setattr(logfile, "_SEARCHED", 16)


def expected(content: bytes) -> list[str]:
    lines = content.decode().split("\n")
    return [line.rstrip("\r") for line in (lines if lines[-1] else lines[:-1])]


pieces = st.lists(st.text("ab\n", max_size=40).map(str.encode), min_size=1, max_size=6)


@given(pieces, st.integers(-30, 60), st.integers(0, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_lines_are_those_of_the_file_however_it_grows(
    tmp_path: Path, pieces: list[bytes], start: int, count: int
) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"")
    index = LogIndex(str(path))
    for end in range(1, len(pieces) + 1):
        content = b"".join(pieces[:end])
        with path.open("ab") as file:
            file.write(pieces[end - 1])
        lines = expected(content)
        found = index.lines(start, count)
        first = max(0, len(lines) + start) if start < 0 else min(start, len(lines))
        assert (found.start, found.total, found.size) == (first, len(lines), len(content))
        assert found.lines == lines[first : first + count]
        assert index.measure() == (len(lines), len(content))


@given(st.text("abc\n", max_size=200), st.text("abc", min_size=1, max_size=4), st.integers(0, 10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_search_finds_what_is_there(tmp_path: Path, content: str, needle: str, start: int) -> None:
    path = tmp_path / "log"
    path.write_text(content)
    lines = expected(content.encode())
    found, more = LogIndex(str(path)).search(needle.upper(), start=start)
    assert found == [number for number, line in enumerate(lines) if needle in line and number >= start]
    assert not more


def test_search_finds_what_two_blocks_share(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for ahead in range(12, 20):
        path.write_text("a" * ahead + "abcb\n" + "xx abcb\n" + "x" * ahead + "\nabcb")
        assert LogIndex(str(path)).search("abcb") == ([0, 1, 3], False)


def test_search_stops_at_some_point(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("x\n" * 50)
    assert LogIndex(str(path)).search("x", most=10) == (list(range(10)), True)
    assert LogIndex(str(path)).search("x", most=50) == (list(range(50)), False)


def test_no_file_is_no_lines(tmp_path: Path) -> None:
    index = LogIndex(str(tmp_path / "none"))
    assert index.lines(0, 5).total == 0
    assert index.lines(-5, 5).lines == []
    assert index.search("x") == ([], False)
    (tmp_path / "none").write_text("now\n")
    assert index.lines(0, 5).lines == ["now"]


def test_a_file_that_was_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a\n" * 40)
    index = LogIndex(str(path))
    assert index.measure() == (40, 80)
    path.write_text("b\n")
    assert index.lines(0, 5).lines == ["b"]
    path.unlink()
    assert index.measure() == (0, 0)


def test_long_lines_are_cut_and_the_next_ones_are_not(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("short\n" + "x" * (LINE_LIMIT * 3) + "\nnext\n" + "y" * (LINE_LIMIT + 1))
    found = LogIndex(str(path)).lines(0, 10)
    assert [len(line) for line in found.lines] == [5, LINE_LIMIT, 4, LINE_LIMIT]
    assert found.cut == [1, 3]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe ok\r\nwindows\r\n")
    assert LogIndex(str(path)).lines(0, 2).lines == ["\ufffd\ufffd ok", "windows"]


def test_a_large_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(100_000)))
    index = LogIndex(str(path))
    assert index.lines(99_999, 1).lines == ["line 99999"]
    read = 0
    real = open

    class Counted:
        def __init__(self, *args: object) -> None:
            self._file = real(*args)  # type: ignore[call-overload]

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

        def __enter__(self) -> Counted:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def read(self, size: int) -> bytes:
            nonlocal read
            block: bytes = self._file.read(size)
            read += len(block)
            return block

    monkeypatch.setattr(logfile, "open", Counted, raising=False)
    with path.open("ab") as file:
        file.write(b"one more\n")
    assert index.lines(50_000, 2).lines == ["line 50000", "line 50001"]
    assert index.lines(100_000, 1).lines == ["one more"]
    assert read < 6 * logfile.BLOCK


def test_only_some_indexes_are_kept() -> None:
    indexes = LogIndexes()
    first = indexes.of("0")
    assert indexes.of("0") is first
    for number in range(1, 40):
        indexes.of(str(number))
    assert indexes.of("0") is not first
