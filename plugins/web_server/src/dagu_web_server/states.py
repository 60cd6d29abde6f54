"""The states of runs and steps, as people see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class State:
    """A state: its word, its sign, what colour it has, and whether more will happen."""

    word: str
    sign: str
    tone: str
    live: bool = False


STATES = {
    "not_started": State("not started", "○", "idle", live=True),
    "queued": State("queued", "◔", "wait", live=True),
    "running": State("running", "▶", "live", live=True),
    "retrying": State("retrying", "↻", "live", live=True),
    "waiting": State("waiting", "‖", "wait", live=True),
    "succeeded": State("succeeded", "✓", "good"),
    "partially_succeeded": State("partly succeeded", "✓", "fair"),
    "failed": State("failed", "✗", "bad"),
    "skipped": State("skipped", "»", "idle"),
    "aborted": State("aborted", "■", "fair"),
    "rejected": State("rejected", "✗", "bad"),
    "interrupted": State("interrupted", "!", "bad"),
}


def state(name: str) -> State:
    """A state by its name; one that is not known yet is shown as it is called."""
    return STATES.get(name) or State(name.replace("_", " "), "·", "idle")
