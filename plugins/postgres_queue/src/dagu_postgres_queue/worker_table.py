"""The workers as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagu.contracts.shared import OK

_HEAD = ("NAME", "STATE", "ENGINE", "HEALTH", "RUNS", "LOAD", "LABELS", "HOST", "SEEN")


def table(workers: Sequence[Mapping[str, Any]], now: float) -> list[str]:
    """A line for each worker, then one for each whose engine is not well."""
    rows = [_HEAD, *(_row(worker, now) for worker in workers)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return lines + [f"{worker['name']}: {worker['health']}" for worker in workers if _ill(worker)]


def _row(worker: Mapping[str, Any], now: float) -> tuple[str, ...]:
    return (
        worker["name"],
        worker["state"],
        worker["runtime"],
        "bad" if _ill(worker) else worker["health"] or "unknown",
        f"{worker['active']}/{worker['limit']}",
        f"{worker['load']:.1f}",
        ",".join(worker["labels"]),
        worker["host"],
        f"{max(0.0, now - worker['seen_at']):.0f} s ago",
    )


def _ill(worker: Mapping[str, Any]) -> bool:
    return worker["health"] not in ("", OK)
