"""Steps in containers beside the engine's own program, called from a shell."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import bare
from benchmarks.case import Case, Race
from benchmarks.flows import CONTAINER, IMAGE, ROOT_CONTAINER, chain, output, printing, side_by_side
from benchmarks.rivals import Rival
from benchmarks.setting import Setting, Spent

_COMMAND = ("/bin/sh", "-c", "true")
_WIDTHS = (1, 2, 3, 4, 6, 8, 16)
Find = Callable[[], Rival]


@contextmanager
def _chain(setting: Setting, find: Find) -> Iterator[Race]:
    engine = find()
    steps = setting.size(20, 2)
    flow = setting.write("chain.yaml", chain(steps, each=CONTAINER))
    loop = _loop(steps, (*engine.argv, "run", "--rm", IMAGE, *_COMMAND))
    yield Race(
        ours=lambda: setting.dagu("start", "--quiet", flow, environ=engine.environ),
        rival=lambda: setting.run(loop, environ=engine.environ),
        floor=_floor(setting, engine, "run", steps),
    )


@contextmanager
def _execs(setting: Setting, find: Find) -> Iterator[Race]:
    engine = find()
    steps = setting.size(100, 3)
    flow = setting.write("shared.yaml", chain(steps, root=ROOT_CONTAINER))
    name = f"dagu-bench-{setting.scratch.name.rpartition('-')[2].lower()}"

    def engine_does(*words: str) -> None:
        setting.run([*engine.argv, *words], environ=engine.environ)

    engine_does("run", "--detach", "--rm", "--init", "--name", name, IMAGE, "sleep", "3600")
    try:
        yield Race(
            ours=lambda: setting.dagu("start", "--quiet", flow, environ=engine.environ),
            rival=lambda: setting.run(
                _loop(steps, (*engine.argv, "exec", name, *_COMMAND)), environ=engine.environ
            ),
            floor=_floor(setting, engine, "exec", steps),
            remark="the rival's container runs already; dagu, and the floor, also make and remove theirs",
        )
    finally:
        engine_does("rm", "--force", name)


@contextmanager
def _wide(setting: Setting, find: Find) -> Iterator[Race]:
    engine = find()
    steps = setting.size(64, 4)
    flow = setting.write("wide.yaml", side_by_side(steps, each=CONTAINER))
    line = shlex.join((*engine.argv, "run", "--rm", IMAGE, *_COMMAND))

    def xargs(width: int) -> list[str]:
        return ["/bin/sh", "-c", f"seq {steps} | xargs -P {width} -I{{}} {line}"]

    taken = {
        width: setting.run(xargs(width), environ=engine.environ).seconds
        for width in _WIDTHS[: setting.size(7, 1)]
    }
    best = min(taken, key=taken.__getitem__)
    yield Race(
        ours=lambda: setting.dagu("start", "--quiet", flow, environ=engine.environ),
        rival=lambda: setting.run(xargs(best), environ=engine.environ),
        floor=_floor(setting, engine, "wide", steps),
        remark=f"best P of {', '.join(map(str, taken))}: {best}",
    )


@contextmanager
def _output(setting: Setting, find: Find) -> Iterator[Race]:
    engine = find()
    size = setting.size(1_000_000_000, 1_000_000)
    flow = setting.write("print.yaml", printing(size, each=CONTAINER))
    argv = [*engine.argv, "run", "--rm", IMAGE, "/bin/sh", "-c", output(size)]
    yield Race(
        ours=lambda: setting.dagu("start", "--quiet", flow, environ=engine.environ),
        rival=lambda: setting.run(argv, environ=engine.environ, stdout=setting.scratch / "redirected"),
    )


def _floor(setting: Setting, engine: Rival, what: str, times: int) -> Callable[[], Spent]:
    argv = [sys.executable, str(Path(bare.__file__)), engine.name, what, str(times), IMAGE]
    return lambda: setting.run(argv, environ=engine.environ)


def _loop(times: int, argv: tuple[str, ...]) -> list[str]:
    return ["/bin/sh", "-c", f"for i in $(seq {times}); do {shlex.join(argv)} || exit 1; done"]


def cases(name: str, find: Find) -> tuple[Case, ...]:
    """The cases of one engine."""
    title = name.capitalize()

    return (
        Case(
            name=f"{name}-chain",
            title=f"{title}: 20 step containers, `true` in each, in a chain",
            rival=f"`{name} run --rm` in a loop",
            target=0.6,
            rounds=3,
            open=lambda setting: _chain(setting, find),
        ),
        Case(
            name=f"{name}-exec",
            title=f"{title}: 100 steps `true` in the run's container",
            rival=f"`{name} exec` in a loop",
            target=0.75,
            rounds=3,
            open=lambda setting: _execs(setting, find),
        ),
        Case(
            name=f"{name}-wide",
            title=f"{title}: 64 step containers side by side",
            rival=f"`xargs -P` of `{name} run --rm`",
            target=0.9,
            rounds=3,
            open=lambda setting: _wide(setting, find),
        ),
        Case(
            name=f"{name}-output",
            title=f"{title}: 1 GB of output into the log",
            rival=f"`{name} run` into a file",
            target=1.1,
            rounds=3,
            show_peak=True,
            open=lambda setting: _output(setting, find),
        ),
    )
