"""Many steps on the host, where there is no engine to wait for."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.case import Case, Race
from benchmarks.flows import chain, each_of, layers
from benchmarks.setting import Setting, Spent

_LOOP = """
import subprocess, sys
for _ in range(int(sys.argv[1])):
    subprocess.run(["/bin/sh", "-c", "true"], check=True)
"""


@contextmanager
def _beside_a_loop(setting: Setting) -> Iterator[Race]:
    steps = setting.size(1000, 20)
    flow = setting.write("chain.yaml", chain(steps))
    loop = setting.write("loop.py", _LOOP)
    yield Race(
        ours=lambda: setting.dagu("start", "--quiet", flow),
        rival=lambda: setting.run([sys.executable, loop, str(steps)]),
    )


@contextmanager
def _growth(
    setting: Setting, make: Callable[[int], str], few: int, many: int, wide: int = 1
) -> Iterator[Race]:
    """One step of a large workflow beside one of a small one.

    Args:
        few, many: How large they are, in units of ``wide`` steps.
    """
    one = setting.write("one.yaml", chain(1))
    short, long = setting.write("short.yaml", make(few)), setting.write("long.yaml", make(many))

    def start(flow: str, times: int) -> float:
        return statistics.median(setting.dagu("start", "--quiet", flow).seconds for _ in range(times))

    def each(flow: str, steps: int, times: int) -> Spent:
        # What every start costs is no part of a step's cost.
        alone = start(one, 3)
        return Spent(max((start(flow, times) - alone) / (steps * wide - 1), 1e-6))

    yield Race(
        ours=lambda: each(long, many, 1),
        rival=lambda: each(short, few, setting.size(15, 1)),
        remark="seconds of one step; what a start costs is taken off",
    )


CASES = (
    Case(
        name="host-chain",
        title="1,000 steps `true` on the host, in a chain",
        rival="`subprocess.run` of the same shell in a loop",
        target=3.0,
        open=_beside_a_loop,
    ),
    Case(
        name="growth",
        title="One step of 10,000 in a chain",
        rival="one step of 100",
        target=1.2,
        rounds=3,
        open=lambda setting: _growth(setting, chain, setting.size(100, 10), setting.size(10_000, 40)),
    ),
    Case(
        name="layers",
        title="One step of 1,000 in 50 layers, each after all of the layer before",
        rival="one step of 100 in 5 layers",
        target=1.2,
        open=lambda setting: _growth(setting, layers, setting.size(5, 2), setting.size(50, 4), wide=20),
    ),
    Case(
        name="foreach",
        title="One item of a foreach of 1,000",
        rival="one item of 100",
        target=1.2,
        open=lambda setting: _growth(setting, each_of, setting.size(100, 10), setting.size(1000, 40)),
    ),
)
