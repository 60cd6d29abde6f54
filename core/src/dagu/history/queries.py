"""Which runs are wanted, as SQL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from dagu.frozen import dataclass
from dagu.history.records import Status


@dataclass(frozen=True, kw_only=True)
class RunQuery:
    """Conditions that all hold of a wanted run; None is no condition.

    Attributes:
        run_id_part: Any part of the id.
        since: It started then or later, in seconds since the epoch.
        until: It started before.
        status: It is in one of these states.
        root_id: It is a child below that run; empty: it is no child.
        label: ``name=value``, or ``name`` for any value.
        queue: It waits, or waited, in that queue.
    """

    workflow: str | None = None
    run_id_part: str | None = None
    since: float | None = None
    until: float | None = None
    status: Status | Collection[Status] | None = None
    root_id: str = ""
    label: str | None = None
    queue: str | None = None

    def where(self) -> tuple[str, list[Any]]:
        """The condition, and the values of its placeholders."""
        states = (self.status,) if isinstance(self.status, Status) else tuple(self.status or ())
        # Few runs are unended; + keeps SQLite from looking through all of the others in the order of time.
        few = bool(states) and not any(state.ended for state in states)
        parts, values = ["+root_id = ?" if few else "root_id = ?"], [self.root_id]
        conditions: tuple[tuple[str, Any], ...] = (
            ("workflow = ?", self.workflow),
            ("instr(run_id, ?) > 0", self.run_id_part),
            ("started_at >= ?", self.since),
            ("started_at < ?", self.until),
            ("queue = ?", self.queue),
        )
        for condition, value in conditions:
            if value is not None:
                parts.append(condition)
                values.append(value)
        if self.status is not None:
            parts.append(f"status IN ({', '.join('?' * len(states))})")
            values.extend(state.value for state in states)
        if self.label is not None:
            name, equals, wanted = self.label.partition("=")
            is_so = "key = ? AND value = ?" if equals else "key = ?"
            parts.append(f"EXISTS (SELECT 1 FROM json_each(runs.labels) WHERE {is_so})")
            values += [name, wanted] if equals else [name]
        return " AND ".join(parts), values
