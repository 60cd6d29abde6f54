"""Measure: ``python -m benchmarks [--small] [--only PREFIX] [--json FILE] [--docs FOLDER]``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import cold, containers, host, records, rivals
from benchmarks.case import Case
from benchmarks.machine import describe
from benchmarks.measure import Figure, measure
from benchmarks.plot import plot
from benchmarks.report import table, write_between
from benchmarks.rivals import Rival

ENGINES: dict[str, Callable[[], Rival]] = {"docker": rivals.docker, "podman": rivals.podman}


def main() -> None:
    """Measure what was asked for, and write it where it is wanted."""
    options = _options()
    engines = [name for name in options.engines.split(",") if name]
    cases = [case for case in _cases(engines) if case.name.startswith(tuple(options.only.split(",")))]
    machine = describe(ENGINES[name]() for name in engines)
    figures: list[Figure] = []
    for case in cases:
        figures.append(measure(case, small=options.small, told=lambda line: print(line, file=sys.stderr)))
        if options.json:  # after each, so that a failure loses nothing
            found = {"machine": machine, "figures": [figure.record() for figure in figures]}
            options.json.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    text = table(figures, machine)
    print(text)
    if options.docs:
        write_between(options.docs / "performance.md", text)
        (options.docs / "images" / "performance.svg").write_text(plot(figures))


def _cases(engines: list[str]) -> list[Case]:
    contained = [case for name in engines for case in containers.cases(name, ENGINES[name])]
    return [*cold.CASES, *host.CASES, *contained, *records.CASES]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="How much the runner costs beside the engine, as ratios."
    )
    parser.add_argument(
        "--small", action="store_true", help="only see that it works: the figures mean nothing"
    )
    parser.add_argument("--only", default="", metavar="PREFIX,...", help="cases whose names begin so")
    parser.add_argument("--engines", default="docker,podman", help="which engines; empty for none")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round there")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="write table and picture into its page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
