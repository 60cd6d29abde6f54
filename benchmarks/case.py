"""What a benchmark is: two things that are done in turn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from benchmarks.setting import Setting, Spent


@dataclass(frozen=True)
class Race:
    """Both sides of a case, ready to be done any number of times.

    Attributes:
        ours: Does it once with dagu.
        rival: Does it once without, or does less of it.
        floor: Does it once with nothing around the engine's API; None where that is not measured.
        remark: What the reader should know of the set-up.
    """

    ours: Callable[[], Spent]
    rival: Callable[[], Spent]
    floor: Callable[[], Spent] | None = None
    remark: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One benchmark.

    Attributes:
        title: What dagu does.
        rival: What that is compared with.
        target: The ratio that is wanted at most.
        rounds: How often both are done.
        unit: What the seconds of a side are: of one ``unit``.
        show_peak: The runner's memory is part of the figure.
    """

    name: str
    title: str
    rival: str
    target: float
    open: Callable[[Setting], AbstractContextManager[Race]]
    rounds: int = 5
    show_peak: bool = False
