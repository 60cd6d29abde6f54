"""What a step publishes, and how history keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from dagu.contracts.container import EMPTY
from dagu.frozen import dataclass


@dataclass(frozen=True, kw_only=True)
class Published:
    """Everything a step publishes.

    Attributes:
        variable: Name and value of the string form of ``output``.
        outputs: Declared outputs by name, as text to insert.
        object_output: What the object form of ``output`` published, as JSON values; None without one.
        fields: What ``stdout.outputs`` published, as JSON values.
    """

    variable: tuple[str, str] | None = None
    outputs: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    object_output: Mapping[str, Any] | None = field(default=None, repr=False)
    fields: Mapping[str, Any] = field(default_factory=lambda: EMPTY, repr=False)

    def record(self) -> dict[str, Any]:
        """The same as JSON values, for history."""
        parts = {
            "variable": dict([self.variable]) if self.variable else {},
            "outputs": self.outputs,
            "output": self.object_output or {},
            "fields": self.fields,
        }
        return {name: part for name, part in parts.items() if part}


NOTHING = Published()


def from_record(kept: Mapping[str, Any]) -> Published:
    """What :meth:`Published.record` gave."""
    variable: Mapping[str, str] = kept.get("variable") or EMPTY
    return Published(
        variable=next(iter(variable.items()), None),
        outputs=kept.get("outputs") or EMPTY,
        object_output=kept.get("output"),
        fields=kept.get("fields") or EMPTY,
    )
