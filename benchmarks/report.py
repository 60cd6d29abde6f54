"""Figures as a table for the documentation, between two markers of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import Figure

BEGIN = "<!-- figures: written by `make bench` -->"
END = "<!-- end of figures -->"


def table(figures: Sequence[Figure], machine: Mapping[str, str]) -> str:
    """The figures and what they were measured on, in Markdown."""
    lines = [
        f"Measured on {machine['processors']} processors, {machine['system']} (Linux {machine['kernel']}), "
        f"Python {machine['python']}, typer {machine['typer']}; {machine['engines']}. "
        f"Load before: {machine['load']}.",
        "",
        "| dagu | beside | ratio | spread | wanted | over the floor | dagu, s | rival, s |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |",
        *(_row(figure) for figure in figures),
    ]
    remarks = [f"- {figure.title}: {figure.remark}." for figure in figures if figure.remark]
    peaks = [
        f"- {figure.title}: peak memory of the runner {figure.peak / 1e6:.0f} MB."
        for figure in figures
        if figure.peak
    ]
    return "\n".join([*lines, "", *remarks, *peaks]).rstrip() + "\n"


def _row(figure: Figure) -> str:
    ratios = figure.ratios
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    mark = "" if figure.ratio <= figure.target else " (missed)"
    cells = (
        figure.title,
        figure.rival,
        f"**{figure.ratio:.2f}**{mark}",
        spread,
        f"≤ {figure.target:g}",
        "" if figure.over_floor is None else f"{figure.over_floor:.2f}",
        _seconds(figure.ours),
        _seconds(figure.theirs),
    )
    return f"| {' | '.join(cells)} |"


def _seconds(values: Sequence[float]) -> str:
    from statistics import median

    return f"{median(values):.3g}"


def write_between(page: Path, text: str) -> None:
    """Put the text between the markers of a page.

    Raises:
        SystemExit: It has no markers.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} lacks the lines {BEGIN!r} and {END!r}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
