"""Artifacts come home as they change, and in the end all that is there."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from dagu_postgres_queue import artifacts as module
from dagu_postgres_queue.artifacts import Artifacts
from dagu_postgres_queue.collector import Collector
from dagu_postgres_queue.outgoing import GONE, Transfer

LARGE = 1_200_000


class Line:
    """What is sent arrives at home; it may break between two transactions."""

    def __init__(self, here: Path, home: Path) -> None:
        self.directory = here / "artifacts" / "w" / "run"
        self.directory.mkdir(parents=True)
        self.home = home / "artifacts" / "w" / "run"
        self._collector = Collector({}, home, threading.Event())
        self._artifacts = Artifacts(here, "r1")
        self.bytes = 0

    def execute(self, _query: str, values: tuple[Any, ...]) -> None:
        _, path, kind, offset, size, data = values
        self.bytes += size
        self._collector._write(path, kind, offset, data)

    def round(self, *, last: bool = False, broken: bool = False) -> None:
        for path, transfer in self._artifacts.changed(self.directory, last=last):
            try:
                self._through(transfer, broken)
            except OSError as error:
                self._artifacts.failed(path, error)
        for path in self._artifacts.gone(self.directory):
            self._collector._write(path, GONE, 0, b"")
            self._artifacts.removed(path)

    def _through(self, transfer: Transfer, broken: bool) -> None:
        while not transfer.done:
            transfer.send(self)  # type: ignore[arg-type]
            if broken:
                return  # whether it was kept is not known
            transfer.sent()

    def here(self) -> dict[str, bytes]:
        return content(self.directory)

    def there(self) -> dict[str, bytes]:
        return content(self.home)


def content(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr(module, "_PAUSE", 0.0)
    return Line(tmp_path / "here", tmp_path / "home")


def settled(file: Path, data: bytes) -> None:
    """Write a file as if that had been a while ago."""
    file.write_bytes(data)
    at = file.stat().st_mtime_ns - 10**10
    os.utime(file, ns=(at, at))


def test_they_are_at_home_while_the_run_lives(line: Line) -> None:
    (line.directory / "sub").mkdir()
    settled(line.directory / "sub" / "a", b"one")
    (line.directory / "empty").touch()
    line.round()
    assert line.there() == line.here() == {"sub/a": b"one", "empty": b""}
    (line.directory / "sub" / "a").write_bytes(b"2")
    (line.directory / "empty").unlink()
    line.round()
    assert line.there() == {"sub/a": b"2"}


def test_what_did_not_change_is_not_sent_again(line: Line) -> None:
    settled(line.directory / "a", b"x" * 1000)
    for _ in range(3):
        line.round()
    line.round(last=True)
    assert line.bytes == 1000


def test_of_a_large_one_only_what_was_added_is_sent(line: Line) -> None:
    file = line.directory / "large"
    settled(file, b"x" * LARGE)
    line.round()
    with file.open("ab") as opened:
        opened.write(b"y" * 1000)
    line.round()
    line.round(last=True)
    assert line.there() == line.here()
    assert line.bytes == LARGE + 1000


def test_a_large_one_that_changed_in_place_is_right_in_the_end(line: Line) -> None:
    file = line.directory / "large"
    settled(file, b"x" * LARGE)
    line.round()
    with file.open("r+b") as opened:
        opened.write(b"changed")
        opened.seek(0, os.SEEK_END)
        opened.write(b"and longer")
    line.round()
    line.round(last=True)
    assert line.there() == line.here()


def test_what_was_at_home_before_is_replaced(line: Line) -> None:
    line.home.mkdir(parents=True)
    (line.home / "a").write_bytes(b"of another worker, and longer")
    settled(line.directory / "a", b"mine")
    line.round(last=True)
    assert line.there() == {"a": b"mine"}


def test_neither_links_nor_what_can_not_be_read_ends_a_run(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    (line.directory / "link").symlink_to("/etc/hostname")
    (line.directory / "gone").touch()
    os.mkfifo(line.directory / "pipe")
    found = list(line._artifacts.changed(line.directory, last=False))
    (line.directory / "gone").unlink()
    with pytest.raises(FileNotFoundError):
        found[0][1].send(line)  # type: ignore[arg-type]
    for _ in range(2):
        line._artifacts.failed("artifacts/w/run/a", PermissionError(13, "Permission denied"))
    assert [record.message for record in caplog.records] == [
        "artifacts/w/run/a can't be read and does not come home: Permission denied"
    ]
    line.round(last=True)
    assert line.there() == {}


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_to_files_the_end_is_the_same(line: Line, seed: int) -> None:
    choice = random.Random(seed)

    def write(file: Path) -> None:
        file.write_bytes(choice.randbytes(choice.choice((0, 10, 300_000, LARGE))))

    def append(file: Path) -> None:
        with file.open("ab") as opened:
            opened.write(choice.randbytes(choice.choice((0, 10, LARGE))))

    def change(file: Path) -> None:
        if file.exists() and file.stat().st_size:
            with file.open("r+b") as opened:
                opened.seek(choice.randrange(file.stat().st_size))
                opened.write(choice.randbytes(3))

    def shorten(file: Path) -> None:
        if file.exists():
            os.truncate(file, file.stat().st_size // 2)

    for _ in range(12):
        file = line.directory / choice.choice("abc")
        choice.choice((write, append, change, shorten, lambda file: file.unlink(missing_ok=True)))(file)
        if choice.random() < 0.6:
            line.round(broken=choice.random() < 0.2)
    line.round(last=True)
    assert line.there() == line.here()
