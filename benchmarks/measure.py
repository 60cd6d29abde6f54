"""Taking both sides in turn, and what comes out: a ratio for each round, their median and spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.case import Case
from benchmarks.setting import Spent, setting


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What was measured for a case.

    Attributes:
        ours, theirs: Seconds of each round.
        floor: Seconds of each round with nothing around the engine's API; empty where that was not measured.
        peak: The most resident memory of the runner in any round, in bytes; 0 where it is no part of the case.
    """

    name: str
    title: str
    rival: str
    target: float
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    floor: tuple[float, ...] = ()
    peak: int = 0
    remark: str = ""

    @property
    def ratios(self) -> tuple[float, ...]:
        """One for each round: both sides of it met the same machine."""
        return tuple(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """The median."""
        return statistics.median(self.ratios)

    @property
    def over_floor(self) -> float | None:
        """The median of the ratios to the floor; None without one."""
        ratios = [ours / floor for ours, floor in zip(self.ours, self.floor, strict=False)]
        return statistics.median(ratios) if ratios else None

    def record(self) -> dict[str, Any]:
        """The figure as JSON has it."""
        return {**asdict(self), "ratios": self.ratios, "ratio": self.ratio, "over_floor": self.over_floor}


def measure(case: Case, *, small: bool, told: Callable[[str], object]) -> Figure:
    """Do both sides of a case in turn, A B A B, after each was done once to warm up.

    Args:
        told: Called with a line for each round.
    """
    ours: list[Spent] = []
    theirs: list[Spent] = []
    floor: list[Spent] = []
    with setting(small=small) as place, case.open(place) as race:
        if not small:
            race.ours()
            race.rival()
        for number in range(1 if small else case.rounds):
            ours.append(race.ours())
            theirs.append(race.rival())
            if race.floor is not None:
                floor.append(race.floor())
            ratio = ours[-1].seconds / theirs[-1].seconds
            told(
                f"{case.name} {number + 1}: {ours[-1].seconds:.3f} s / {theirs[-1].seconds:.3f} s = {ratio:.2f}"
            )
        remark = race.remark
    return Figure(
        name=case.name,
        title=case.title,
        rival=case.rival,
        target=case.target,
        ours=_seconds(ours),
        theirs=_seconds(theirs),
        floor=_seconds(floor),
        peak=max(spent.peak for spent in ours) if case.show_peak else 0,
        remark=remark,
    )


def _seconds(spent: Sequence[Spent]) -> tuple[float, ...]:
    return tuple(round(each.seconds, 7) for each in spent)
