"""Which runs are wanted, as PostgreSQL's SQL."""

from __future__ import annotations

from typing import Any

from dagu.contracts.history import RunQuery
from dagu.contracts.rows import asked

_LABEL = "EXISTS (SELECT 1 FROM json_each_text(labels::json) AS label WHERE {})"


def where(query: RunQuery) -> tuple[str, list[Any]]:
    """The condition, and the values of its placeholders."""
    parts: list[str] = ["root_id = %s"]
    values: list[Any] = [query.root_id]
    conditions: tuple[tuple[str, Any], ...] = (
        ("workflow = %s", query.workflow),
        ("strpos(run_id, %s) > 0", query.run_id_part),
        ("started_at >= %s", query.since),
        ("started_at < %s", query.until),
        ("queue = %s", query.queue),
    )
    for condition, value in conditions:
        if value is not None:
            parts.append(condition)
            values.append(value)
    if query.status is not None:
        parts.append("status = ANY(%s)")
        values.append([state.value for state in query.states])
    if query.label is not None:
        name, equals, wanted = query.label.partition("=")
        parts.append(_LABEL.format("key = %s AND value = %s" if equals else "key = %s"))
        values += [name, wanted] if equals else [name]
    return " AND ".join(parts), [asked(value) for value in values]
