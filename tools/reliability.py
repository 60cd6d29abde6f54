"""Writes ``docs/reliability.md`` from what the tests of faults and workers found, as it is kept in ``docs/results``.

``pytest -n 2 -m faults tests/faults --full --results FILE`` and
``pytest -m workers tests/workers --results FILE`` find it anew.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from reliability_workers import ENGINES, WORKER_TEXT, WORKERS

from dagu.run.points import POINTS

Line = dict[str, Any]
DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = DOCS / "reliability.md"
RESULTS = (DOCS / "results" / "faults.jsonl", DOCS / "results" / "workers.jsonl")

HEAD = """# What happens when something fails

Each row below was tried on real engines, Docker 20.10 and Podman 4.3 in private daemons that the test may
kill, and on a real PostgreSQL; the page is made by `tools/reliability.py` from the tests' own results
([docs/results](results)), so a row stands here only if every check behind it held. `tools/check faults workers`
repeats a part of it: each point once on each engine, 24 runs in the crowd, all other faults, and of the workers'
what takes less than two minutes.
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
    """Write the page."""
    PAGE.write_text(page())


def page() -> str:
    """The page, from the results."""
    lines = [json.loads(line) for file in RESULTS for line in file.read_text().splitlines()]
    return HEAD + points(lines) + crowd(lines) + faults(lines) + workers(lines)


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


def workers(lines: list[Line]) -> str:
    """A row for each thing that was done to workers, in the order of ``WORKERS``."""
    found = {line["workers"]: line for line in lines if "workers" in line}
    if odd := WORKERS.keys() ^ found.keys():
        sys.exit(f"not tried, or without a row: {', '.join(sorted(odd))}")
    return WORKER_TEXT + "".join(
        f"| {what.format(**found[key])} | {seen.format(**found[key])} |\n"
        for key, (what, seen) in WORKERS.items()
    )


def _attempts(found: list[str]) -> str:
    """Failures in a row are counted."""
    if not found:
        return "none"
    *before, last = found
    return f"{len(before)} {before[0]}, then {last}" if before else last


if __name__ == "__main__":
    main()
