"""Writes ``docs/reliability.md`` from what the fault tests found.

``pytest -n 2 -m faults tests/faults --full --results FILE``, then ``python tools/reliability.py FILE``.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from dagu.run.points import POINTS

Line = dict[str, Any]
ENGINES = ("docker", "podman")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"

HEAD = """# What happens when something fails

Each row below was tried on real engines, Docker 20.10 and Podman 4.3 in private daemons that the test may
kill; the page is made by `tools/reliability.py` from the tests' own results, so a row stands here only if
every check behind it held. `tools/check faults` repeats a part of it: each point once on each
engine, 24 runs in the crowd, all other faults.
"""
POINT_TEXT = """
## The runner is killed

SIGKILL at each of {points} named points of a run's life, {kills} kills in all. After each, the run is
`interrupted` in history (or `succeeded` where its end was recorded already; before it was recorded, there is
none), no step counts as running, and every log holds what was said until then and nothing else. Then the next
start is either another run or `dagu resume`; after it no container, network, volume or process of the killed
run is left, and a resumed run ends well, with each line of output once. The table says which next starts were
tried, and how often.

| killed when | {engines} |
| --- | {dashes} |
"""
CROWD_TEXT = """
## Many runners, some killed

Every run of others has to succeed with its whole output, and in the end nothing of the killed ones may be
left.

| engine | runs | at the same time | killed at random |
| --- | --- | --- | --- |
"""
FAULT_TEXT = """
## The engine, the disk or the registry fails

A run ends with an error that says what failed and what to do, or succeeds where `retry_policy` lets it; the
next run finds nothing in its way and clears up. Where the disk is too full for history, too, the run's end
can't be recorded: the message is on standard error, and the run counts as interrupted.

| fault | step in | engine | the run | attempts |
| --- | --- | --- | --- | --- |
"""
PLACES = {"own": "a container of its own", "shared": "the shared container", "host": "the host"}


def main() -> None:
    """Read the results, write the page."""
    lines = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    PAGE.write_text(HEAD + points(lines) + crowd(lines) + faults(lines))


def points(lines: list[Line]) -> str:
    """A row for each point: how often it was tried, by what came next."""
    tried: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for line in lines:
        if "point" in line:
            tried[line["point"]][line["engine"]][line["next"]] += 1
    missing = [f"{point} on {engine}" for point in POINTS for engine in ENGINES if not tried[point][engine]]
    if missing:
        sys.exit(f"not tried: {', '.join(missing)}")
    kills = sum("point" in line for line in lines)
    text = POINT_TEXT.format(
        points=len(POINTS),
        kills=kills,
        engines=" | ".join(ENGINES),
        dashes=" | ".join("---" for _ in ENGINES),
    )
    for point, meaning in POINTS.items():
        cells = [_counts(tried[point][engine]) for engine in ENGINES]
        text += f"| {meaning} (`{point}`) | {' | '.join(cells)} |\n"
    return text


def _counts(found: Counter[str]) -> str:
    words = {"another": "another run", "resume": "resume"}
    return ", ".join(f"{words[name]} {found[name]}×" for name in sorted(found))


def crowd(lines: list[Line]) -> str:
    """A row for each engine."""
    rows = [line for line in lines if "crowd" in line]
    return CROWD_TEXT + "".join(
        f"| {line['engine']} | {line['crowd']} | {line['runners']} | {line['killed']} |\n" for line in rows
    )


def faults(lines: list[Line]) -> str:
    """A row for each fault, place and engine."""
    rows = [line for line in lines if "fault" in line]
    rows.sort(key=lambda line: (line["fault"], line["place"], line["engine"]))
    text = FAULT_TEXT
    for line in rows:
        steps = line["attempts"]
        attempts = "; ".join(
            (f"{name}: " if len(steps) > 1 else "") + _attempts(steps[name]) for name in steps
        )
        place = PLACES[line["place"]]
        text += f"| {line['fault']} | {place} | {line['engine']} | {line['ended']} | {attempts} |\n"
    return text


def _attempts(found: list[str]) -> str:
    """Failures in a row are counted."""
    if not found:
        return "none"
    *before, last = found
    return f"{len(before)} {before[0]}, then {last}" if before else last


if __name__ == "__main__":
    main()
