"""Lines of log files by number, without holding the files."""

from __future__ import annotations

import os
import re
import threading
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass
from typing import BinaryIO

BLOCK = 64 * 1024
LINE_LIMIT = 4 * 1024
"""Bytes of a line that are shown."""
_SEARCHED = 1024 * 1024
_MOST_FILES = 32


@dataclass(frozen=True)
class Lines:
    """Some lines of a file.

    Attributes:
        start: Number of the first one, from 0.
        total: Lines of the whole file; the last may be unfinished.
        size: Bytes of the whole file.
        lines: Without their ends.
        cut: Numbers of those that are too long and end early.
    """

    start: int
    total: int
    size: int
    lines: list[str]
    cut: list[int]


class LogIndex:
    """Where the lines of a growing file are. It is read once; later, only what was added is read."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._reset()

    def measure(self) -> tuple[int, int]:
        """How many lines and bytes the file has now; none if there is no file."""
        with self._lock:
            self._refresh()
            return self._total, self._size

    def lines(self, start: int, count: int) -> Lines:
        """Lines from a number on; a negative one counts from the end."""
        with self._lock:
            self._refresh()
            total = self._total
            first = max(0, total + start) if start < 0 else min(start, total)
            found: list[str] = []
            cut: list[int] = []
            if count and first < total:
                with open(self._path, "rb") as file:
                    self._seek(file, first)
                    for number in range(first, min(first + count, total)):
                        text, whole = self._line(file, number)
                        found.append(text)
                        if not whole:
                            cut.append(number)
            return Lines(first, total, self._size, found, cut)

    def search(self, text: str, *, start: int = 0, most: int = 500) -> tuple[list[int], bool]:
        """Numbers of the lines from ``start`` on that hold a text, and whether there are more.

        Letters of the English alphabet match in either case.
        """
        needle = text.encode()
        if not needle or b"\n" in needle or start >= self.measure()[0]:
            return [], False
        pattern = re.compile(re.escape(needle), re.IGNORECASE)
        found: list[int] = []
        number, tail = start, b""
        with open(self._path, "rb") as file:
            with self._lock:
                self._seek(file, start)
            while block := file.read(_SEARCHED):
                window = tail + block
                line, at = number, 0
                for match in pattern.finditer(window):
                    line += window.count(b"\n", at, match.start())
                    at = match.start()
                    if not found or found[-1] != line:
                        found.append(line)
                    if len(found) > most:
                        return found[:most], True
                # What may be the start of a match is seen again with the next block.
                seen = max(0, len(window) - len(needle) + 1)
                number += window.count(b"\n", 0, seen)
                tail = window[seen:]
        return found, False

    @property
    def _total(self) -> int:
        return self._ends[-1] + self._tail_ends + self._unfinished

    def _reset(self) -> None:
        self._ends = [0]  # entry N: line ends in the first N blocks
        self._tail_ends = 0  # in what follows the last whole block
        self._unfinished = False
        self._size = 0
        self._inode = 0

    def _refresh(self) -> None:
        try:
            file = open(self._path, "rb")  # noqa: SIM115 (closed below; a missing file is no error)
        except FileNotFoundError:
            self._reset()
            return
        with file:
            stat = os.fstat(file.fileno())
            if stat.st_ino != self._inode or stat.st_size < self._size:
                self._reset()
                self._inode = stat.st_ino
            whole = len(self._ends) - 1
            if stat.st_size == self._size:
                return
            file.seek(whole * BLOCK)
            self._tail_ends, tail = 0, 0
            while block := file.read(BLOCK):
                ends = block.count(b"\n")
                self._unfinished = not block.endswith(b"\n")
                if len(block) == BLOCK:
                    self._ends.append(self._ends[-1] + ends)
                else:
                    self._tail_ends, tail = ends, len(block)
            self._size = (len(self._ends) - 1) * BLOCK + tail

    def _seek(self, file: BinaryIO, line: int) -> None:
        """Go to where a line begins: after as many line ends."""
        if line == 0:
            file.seek(0)
            return
        block = bisect_left(self._ends, line) - 1
        file.seek(block * BLOCK)
        data = file.read(BLOCK)
        behind = data.split(b"\n", line - self._ends[block])[-1]
        file.seek(block * BLOCK + len(data) - len(behind))

    def _line(self, file: BinaryIO, number: int) -> tuple[str, bool]:
        data = file.readline(LINE_LIMIT + 1)
        whole = data.endswith(b"\n") or len(data) <= LINE_LIMIT
        if not whole:
            data = data[:LINE_LIMIT]
            if number + 1 < self._total:
                self._seek(file, number + 1)
        return data.rstrip(b"\r\n").decode("utf-8", "replace"), whole


class LogIndexes:
    """The indexes of the files that were read last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._indexes: OrderedDict[str, LogIndex] = OrderedDict()

    def of(self, path: str) -> LogIndex:
        """The index of a file."""
        with self._lock:
            index = self._indexes.pop(path, None) or LogIndex(path)
            self._indexes[path] = index
            while len(self._indexes) > _MOST_FILES:
                self._indexes.popitem(last=False)
            return index
