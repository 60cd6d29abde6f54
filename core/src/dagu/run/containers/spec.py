"""``container:`` as written, with its references replaced, and every value judged again now that it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from dagu.errors import UsageError
from dagu.run.containers import volumes
from dagu.workflow import container_values as values
from dagu.workflow.model import ContainerSpec
from dagu.workflow.references import has_reference
from dagu.workflow.shapes.patterns import check_pattern
from dagu.workflow.values.resolve import Expand, resolve, resolve_value
from dagu.workflow.values.scope import Scope

_WORDS: Mapping[str, Callable[[str], str]] = {
    "exec": values.parse_container_name,
    "image": values.parse_image,
    "name": values.parse_container_name,
    "pull_policy": values.parse_pull_policy,
    "platform": values.parse_platform,
    "user": values.parse_user,
    "startup": values.parse_startup,
    "wait_for": values.parse_wait_for,
    "restart_policy": values.parse_restart_policy,
    "gpus": values.parse_gpus,
}
_LISTS: Mapping[str, Callable[[str], Any]] = {
    "devices": values.parse_device,
    "cap_add": values.parse_capability,
    "cap_drop": values.parse_capability,
    "security_opt": values.parse_security_option,
    "dns": values.parse_dns,
}


def resolved(spec: ContainerSpec, scope: Scope, *, final: bool = True) -> ContainerSpec:
    """The spec with every reference replaced. ``env`` is left to :func:`container_env`.

    Args:
        final: Nothing more can be replaced; else what holds a reference is not judged yet.

    Raises:
        UsageError: A value does not fit now that its references are replaced. All of them are named.
    """
    changes = {
        field.name: resolve_value(getattr(spec, field.name), scope)
        for field in fields(spec)
        if field.name != "env"
    }
    return checked(replace(spec, **changes), final=final)


def checked(spec: ContainerSpec, *, final: bool = True) -> ContainerSpec:
    """The spec, its values judged and in their one spelling.

    Raises:
        UsageError: Some do not fit. All of them are named.
    """
    problems: list[str] = []

    def judged(parse: Callable[[Any], Any], value: Any, field: str) -> Any:
        if not final and has_reference(str(value)):
            return value
        try:
            return parse(value)
        except ValueError as error:
            problems.append(f"container.{field}: {error}")
            return value

    changes = {
        name: judged(parse, getattr(spec, name), name)
        for name, parse in _WORDS.items()
        if getattr(spec, name)
    }
    for name, parse in _LISTS.items():
        for index, item in enumerate(getattr(spec, name)):
            judged(parse, item, f"{name}[{index}]")
    if spec.log_pattern:
        judged(check_pattern, spec.log_pattern, "log_pattern")
    if problems:
        raise UsageError("; ".join(problems))
    return replace(spec, **changes)


def container_env(spec: ContainerSpec, scope: Scope) -> dict[str, str]:
    """``container.env``, evaluated from the top down; an entry sees the earlier ones."""
    env: dict[str, str] = {}
    for entry in spec.env:
        env[entry.name] = resolve(entry.value, scope.layer(env=env), expand=Expand.SCOPE)
    return env


def open_ended(spec: ContainerSpec) -> bool:
    """Whether a resolved spec still holds references, which only a step's own scope can replace."""
    names = [field.name for field in fields(spec) if field.name not in {"env", "volumes"}]
    return any(_holds_reference(getattr(spec, name)) for name in names) or any(
        volumes.open_ended(entry) for entry in spec.volumes
    )


def _holds_reference(value: Any) -> bool:
    if isinstance(value, str):
        return has_reference(value)
    if isinstance(value, Mapping):
        return any(_holds_reference(item) for item in value.values())
    return isinstance(value, list | tuple) and any(_holds_reference(item) for item in value)
