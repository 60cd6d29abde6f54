"""Which runs are wanted, as SQL."""

from __future__ import annotations

from typing import Any

from dagu.contracts.history import RunQuery
from dagu.contracts.rows import asked


def where(query: RunQuery) -> tuple[str, list[Any]]:
    """The condition, and the values of its placeholders."""
    states = query.states
    # Few runs are unended; + keeps SQLite from looking through all of the others in the order of time.
    few = bool(states) and not any(state.ended for state in states)
    parts, values = ["+root_id = ?" if few else "root_id = ?"], [query.root_id]
    conditions: tuple[tuple[str, Any], ...] = (
        ("workflow = ?", query.workflow),
        ("instr(run_id, ?) > 0", query.run_id_part),
        ("started_at >= ?", query.since),
        ("started_at < ?", query.until),
        ("queue = ?", query.queue),
    )
    for condition, value in conditions:
        if value is not None:
            parts.append(condition)
            values.append(value)
    if query.status is not None:
        parts.append(f"status IN ({', '.join('?' * len(states))})")
        values.extend(state.value for state in states)
    if query.label is not None:
        name, equals, wanted = query.label.partition("=")
        is_so = "key = ? AND value = ?" if equals else "key = ?"
        parts.append(f"EXISTS (SELECT 1 FROM json_each(runs.labels) WHERE {is_so})")
        values += [name, wanted] if equals else [name]
    return " AND ".join(parts), [asked(value) for value in values]
