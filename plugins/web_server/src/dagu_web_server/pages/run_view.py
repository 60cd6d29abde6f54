"""A run as its page shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from dagu.contracts.service import Json
from dagu_web_server.api.outputs import payload
from dagu_web_server.states import state

STREAMS = ("stdout", "stderr", "agent")


def run_values(run: Json, step: str = "", attempt: int = 0, stream: str = "") -> dict[str, Any]:
    """What the templates of a run want.

    Args:
        step: The chosen one; empty: the one that matters most.
        attempt: The chosen one; 0: the newest.
    """
    steps = [_with_sums(each) for each in run["steps"]]
    chosen = _chosen(steps, step)
    attempts = chosen["attempts"] if chosen else []
    known = [each["number"] for each in attempts]
    current = attempt if attempt in known else (known[-1] if known else 0)
    agent = any(each["provider"] for each in attempts)
    return {
        "run": run,
        "now": time.time(),
        "steps": steps,
        "statuses": {each["name"]: each["status"] for each in steps},
        "step": chosen,
        "attempt": current,
        "newest": known[-1] if known else 0,
        "stream": stream if stream in STREAMS else ("agent" if agent else "stdout"),
        "has_agent": agent,
        "spent": _spent([each["spent"] for each in steps]),
        "live": state(str(run["status"])).live,
    }


def timeline(events: Sequence[Json]) -> list[dict[str, Any]]:
    """An agent's events for reading: pieces of one text are one text."""
    found: list[dict[str, Any]] = []
    for event in events:
        content = payload(event["payload"])
        last = found[-1] if found else None
        if event["kind"] == "text" and content.get("partial") and last and last["kind"] == "text":
            last["text"] += content.get("text", "")
            last["id"] = event["id"]
            continue
        found.append(
            {
                "id": event["id"],
                "kind": event["kind"],
                "at": event["at"],
                "text": "",
                "error": False,
                "partial": False,
                **{key: value for key, value in content.items() if key != "kind"},
            }
        )
    return found


def _chosen(steps: Sequence[dict[str, Any]], name: str) -> dict[str, Any] | None:
    for wanted in (
        lambda step: step["name"] == name,
        lambda step: step["status"] == "failed",
        lambda step: step["status"] in ("running", "retrying"),
        lambda step: step["status"] in ("interrupted", "aborted", "rejected"),
    ):
        if found := next((step for step in steps if wanted(step)), None):
            return found
    ran = [step for step in steps if step["attempts"]]
    return ran[-1] if ran else next(iter(steps), None)


def _with_sums(step: Json) -> dict[str, Any]:
    return {**step, "spent": _spent([attempt["usage"] for attempt in step["attempts"]])}


def _spent(parts: Sequence[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    told = [part for part in parts if part]
    if not told:
        return None
    costs = [part["cost_usd"] for part in told if part["cost_usd"] is not None]
    sums = {kind: sum(part[kind] for part in told) for kind in ("input", "cached", "output")}
    return {**sums, "cost_usd": sum(costs) if costs else None}
