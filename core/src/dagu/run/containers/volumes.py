"""``volumes`` and ``tmpfs`` of a container: what they mean on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dagu.errors import UsageError
from dagu.workflow import container_values as values
from dagu.workflow.model import ContainerSpec
from dagu.workflow.references import has_reference

_NAME = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def volumes(spec: ContainerSpec, environ: Mapping[str, str], *, final: bool = True) -> list[values.Volume]:
    """The mounts that a spec asks for.

    Args:
        environ: The process environment, for ``$NAME`` in the source of a volume.
        final: Nothing more can be replaced in it; else entries that hold references are left out.

    Raises:
        UsageError: Some can't be read, or name a variable that is not set. All of them are named.
    """
    problems: list[str] = []
    found = [
        *_each("volumes", spec.volumes, lambda entry: _volume(entry, environ), problems, final=final),
        *_each("tmpfs", spec.tmpfs, values.parse_tmpfs, problems, final=final),
    ]
    if problems:
        raise UsageError("; ".join(problems), hint="`$NAME` in a source is read from dagu's own environment")
    return found


def _each(
    field: str,
    entries: Iterable[Any],
    parse: Callable[[Any], values.Volume],
    problems: list[str],
    *,
    final: bool,
) -> Iterable[values.Volume]:
    for index, entry in enumerate(entries):
        if not final and open_ended(entry):
            continue
        try:
            yield parse(entry)
        except ValueError as error:
            problems.append(f"container.{field}[{index}]: {error}")


def open_ended(entry: Any) -> bool:
    """Whether an entry still holds references, beside names of the process environment in its source."""
    if isinstance(entry, Mapping):
        source = _NAME.sub("", str(entry.get("source") or ""))
        return any(has_reference(str(text)) for text in {**entry, "source": source}.values())
    source, _, rest = _split_source(str(entry))
    return has_reference(_NAME.sub("", source)) or has_reference(rest)


def _volume(entry: Any, environ: Mapping[str, str]) -> values.Volume:
    if isinstance(entry, Mapping):
        source = _expanded(str(entry.get("source") or ""), environ)
        return values.volume_from_mapping({**entry, "source": source})
    source, colon, rest = _split_source(str(entry))
    return values.parse_volume(_expanded(source, environ) + colon + rest)


def _expanded(source: str, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        if name not in environ:
            raise ValueError(f"the source {source!r} uses {name}, which is not set in the environment")
        return environ[name]

    return _NAME.sub(value, source)


def _split_source(text: str) -> tuple[str, str, str]:
    # A colon inside ${NAME:-x} does not end the source; such operators are no part of volumes, and are refused
    # with the volume whole in the message.
    end = re.match(r"(?:\$\{[^}]*\}|[^:])*", text)
    source = end[0] if end else ""
    return source, text[len(source) : len(source) + 1], text[len(source) + 1 :]
