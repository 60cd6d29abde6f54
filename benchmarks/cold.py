"""What a user waits for before anything happens: processes from start to end, beside one that only imports typer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.case import Case, Race
from benchmarks.flows import chain
from benchmarks.setting import Setting, Spent

_RIVAL = '`python -c "import typer"`'


def _often(setting: Setting, once: Callable[[], Spent]) -> Spent:
    # One takes too little time to be told from noise.
    times = setting.size(10, 1)
    spent = [once() for _ in range(times)]
    return Spent(sum(each.seconds for each in spent) / times, max(each.peak for each in spent))


def _race(setting: Setting, *words: str) -> Race:
    return Race(
        ours=lambda: _often(setting, lambda: setting.dagu(*words)),
        rival=lambda: _often(setting, lambda: setting.run([sys.executable, "-c", "import typer"])),
    )


@contextmanager
def _help(setting: Setting) -> Iterator[Race]:
    yield _race(setting, "--help")


@contextmanager
def _validate(setting: Setting) -> Iterator[Race]:
    yield _race(setting, "validate", setting.write("small.yaml", chain(3)))


@contextmanager
def _start(setting: Setting) -> Iterator[Race]:
    yield _race(setting, "start", setting.write("one.yaml", chain(1)))


CASES = (
    Case(name="help", title="`dagu --help`", rival=_RIVAL, target=1.5, rounds=9, open=_help),
    Case(
        name="validate",
        title="`dagu validate` of a small file",
        rival=_RIVAL,
        target=2.5,
        rounds=9,
        open=_validate,
    ),
    Case(
        name="start",
        title="`dagu start` of one step on the host",
        rival=_RIVAL,
        target=3.5,
        rounds=9,
        open=_start,
    ),
)
