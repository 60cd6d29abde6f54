"""``container:`` of a workflow or step."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from dagu.workflow import container_values as values
from dagu.workflow.model import ContainerSpec
from dagu.workflow.place import INVALID, Place, suggestion
from dagu.workflow.quantities import parse_cpus, parse_duration, parse_size
from dagu.workflow.references import has_reference
from dagu.workflow.shapes.base import ByKind, Check, Definitions, ListOf, MapOf, Schema, Shape
from dagu.workflow.shapes.env import ENV_NAME, Env
from dagu.workflow.shapes.patterns import check_pattern
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.shapes.scalars import WITH_REFERENCE, Bool, Number, Text
from dagu.workflow.tree import Node

BESIDE_EXEC = ("user", "working_dir", "env", "shell")


def words(text: str) -> list[str]:
    """A command line as its words.

    Raises:
        ValueError: A quote is left open.
    """
    return shlex.split(text)


def quantity(parse: Callable[[Any], object]) -> Shape:
    """A number or text that a parser judges; it is kept as written."""
    text = Text(check=parse)
    return ByKind(what="a number or text", text=text, number=_Checked(parse))


class _Checked(Shape):
    """Any value that a parser does not refuse, as written."""

    def __init__(self, parse: Callable[[Any], object], schema: Schema | None = None) -> None:
        self.parse = parse
        self._schema: Schema = schema or {"type": "number"}

    def read(self, node: Node, place: Place) -> Any:
        try:
            self.parse(node.value if node.kind == "scalar" else node.plain())
        except ValueError as error:
            return place.refuse(node, str(error))
        return node.plain()

    def schema(self, definitions: Definitions) -> Schema:
        return self._schema


def texts(check: Check | None = None, *, scalars: bool = False, single: bool = True) -> Shape:
    """A list of texts, or one text alone."""
    return ListOf(Text(check=check, scalars=scalars), single=single, what="a text or a list of texts")


def argv() -> Shape:
    """A program and its arguments: a list, or one text that is split into words."""
    return ListOf(
        Text(scalars=True, blank=True), split=words, minimum=1, what="a command line or a list of arguments"
    )


class _PullPolicy(Shape):
    """A word, or a boolean that stands for one."""

    _shape = ByKind(
        what=f"one of {', '.join(values.PULL_POLICIES)}, true or false",
        text=Text(check=values.parse_pull_policy),
        boolean=Bool(),
    )

    def read(self, node: Node, place: Place) -> Any:
        value = self._shape.read(node, place)
        if value is INVALID or (isinstance(value, str) and has_reference(value)):
            return value
        return values.parse_pull_policy(value)

    def schema(self, definitions: Definitions) -> Schema:
        words = {"enum": [*values.PULL_POLICIES, "true", "false"]}
        return {"anyOf": [words, WITH_REFERENCE, {"type": "boolean"}]}


PULL_POLICY: Shape = _PullPolicy()


def _volume(record: Record) -> Any:
    if not record.whole:
        return INVALID
    entry = MappingProxyType(dict(record.values))
    if not any(isinstance(value, str) and has_reference(value) for value in entry.values()):
        try:
            values.volume_from_mapping(entry)
        except ValueError as error:
            return record.refuse_all(str(error))
    return entry


VOLUME = ByKind(
    what="source:target, or a mapping with type, source and target",
    text=Text(check=values.parse_volume),
    mapping=Object(
        {
            "type": Text(choices=("bind", "volume", "tmpfs")),
            "source": Text(),
            "target": Text(),
            "read_only": Bool(),
            "size": quantity(parse_size),
            "mode": Text(check=values.parse_mode, scalars=True),
        },
        _volume,
        required=("target",),
        refused={"readonly": "write 'read_only'"},
    ),
)

LABELS = ByKind(
    what="a mapping of names to values",
    mapping=MapOf(Text(scalars=True, blank=True)),
    items=ListOf(Text()),
)


def _labels(value: Any) -> Mapping[str, str]:
    if isinstance(value, tuple):
        pairs = (item.partition("=") for item in value)
        return MappingProxyType({name: text for name, _, text in pairs})
    return value  # type: ignore[no-any-return]


class _ExtraHosts(Shape):
    """``name:address`` items, or a mapping of names to addresses."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "map":
            return texts(values.parse_extra_host).read(node, place)
        result = MapOf(Text(), key=None).read(node, place)
        if result is INVALID:
            return INVALID
        for key, value in node.value:
            if not has_reference(value.text):
                try:
                    values.parse_extra_host(f"{key.text}:{value.text}")
                except ValueError as error:
                    result = place.key(key.text).refuse(value, str(error))
        return (
            INVALID if result is INVALID else tuple(f"{name}:{address}" for name, address in result.items())
        )

    def schema(self, definitions: Definitions) -> Schema:
        mapping = {"type": "object", "additionalProperties": {"type": "string"}}
        return {"anyOf": [texts().schema(definitions), mapping]}


class _HealthTest(Shape):
    def read(self, node: Node, place: Place) -> Any:
        if node.is_text:
            text = Text().read(node, place)
            return INVALID if text is INVALID else ("CMD-SHELL", text)
        test = ListOf(Text(scalars=True), what="a list that starts with NONE, CMD or CMD-SHELL").read(
            node, place
        )
        if test is INVALID:
            return INVALID
        try:
            values.check_healthcheck_test(test)
        except ValueError as error:
            return place.refuse(node, str(error))
        return test

    def schema(self, definitions: Definitions) -> Schema:
        return {
            "anyOf": [
                {"type": "string", "pattern": r"\S"},
                {
                    "type": "array",
                    "minItems": 1,
                    "prefixItems": [{"enum": ["NONE", "CMD", "CMD-SHELL"]}],
                    "items": {"type": ["string", "number", "boolean"]},
                },
            ]
        }


HEALTHCHECK = Object(
    {
        "test": _HealthTest(),
        "interval": quantity(parse_duration),
        "timeout": quantity(parse_duration),
        "start_period": quantity(parse_duration),
        "retries": Number(minimum=0, maximum=1_000_000, references=True),
    },
    required=("test",),
)

NETWORK = ByKind(
    what="a network's name, or a mapping with allow",
    text=Text(check=values.parse_network),
    mapping=Object({"allow": texts(values.parse_allowed_host)}, required=("allow",)),
)


def _check_env_name(text: str) -> None:
    if not ENV_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a secret")


_FIELDS: dict[str, Shape] = {
    "exec": Text(check=values.parse_container_name),
    "image": Text(check=values.parse_image),
    "name": Text(check=values.parse_container_name),
    "pull_policy": PULL_POLICY,
    "env": Env(),
    "volumes": ListOf(VOLUME, what="a list of volumes"),
    "tmpfs": texts(values.parse_tmpfs),
    "working_dir": Text(),
    "user": Text(check=values.parse_user, scalars=True),
    "platform": Text(check=values.parse_platform),
    "ports": ListOf(Text(check=values.parse_port, scalars=True), single=True, what="a list of ports"),
    "network": NETWORK,
    "keep_container": Bool(),
    "startup": Text(choices=values.STARTUPS),
    "command": argv(),
    "wait_for": Text(choices=values.WAITS),
    "log_pattern": Text(check=check_pattern),
    "healthcheck": HEALTHCHECK,
    "restart_policy": Text(choices=values.RESTART_POLICIES),
    "shell": argv(),
    "workspace": Text(choices=("mount", "copy")),
    "cpus": quantity(parse_cpus),
    "memory": quantity(parse_size),
    "pids_limit": Number(minimum=-1, maximum=2**31 - 1, references=True),
    "shm_size": quantity(parse_size),
    "gpus": Text(check=values.parse_gpus, scalars=True),
    "devices": texts(values.parse_device),
    "cap_add": texts(values.parse_capability),
    "cap_drop": texts(values.parse_capability),
    "security_opt": texts(values.parse_security_option),
    "privileged": Bool(),
    "read_only": Bool(),
    "extra_hosts": _ExtraHosts(),
    "dns": texts(values.parse_dns),
    "init": Bool(),
    "labels": LABELS,
    "secrets": texts(_check_env_name),
}

_REFUSED = {
    "pull": "write 'pull_policy'",
    "mounts": "write 'volumes'",
    "environment": "write 'env'",
    "entrypoint": "write 'startup', or 'shell' for what runs the commands",
    "workdir": "write 'working_dir'",
}


def _build(record: Record) -> Any:
    modes = record.authored("exec", "image")
    if len(modes) != 1:
        why = "not both" if modes else "neither is there"
        return record.refuse_all(f"needs exactly one of exec and image; {why}")
    if modes == ["exec"]:
        others = [key for key in record.nodes if key not in ("exec", *BESIDE_EXEC)]
        if others:
            return record.refuse_all(
                f"exec mode takes no {', '.join(others)}; only {', '.join(BESIDE_EXEC)} may stand beside exec",
                "these belong to the existing container",
            )
    _check_command(record)
    _check_secrets(record)
    if not record.whole:
        return INVALID
    given = dict(record.values)
    if "labels" in given:
        given["labels"] = _labels(given["labels"])
    return ContainerSpec(**given)


def _check_command(record: Record) -> None:
    startup = record.get("startup", "keepalive")
    if record.place.path.startswith(("steps[", "handler_on.")):
        for key in record.authored("startup", "log_pattern"):
            record.refuse(key, "is for the container of the whole workflow, not for a step's")
    elif startup == "command" and not record.authored("command"):
        record.refuse("command", "required with startup: command")
    elif startup != "command" and record.authored("command") and not has_reference(startup):
        record.refuse("command", f"is used with startup: command only, not with {startup}")


def _check_secrets(record: Record) -> None:
    names = record.get("secrets", ())
    declared = record.place.fact("secrets", ())
    known = None if declared is None else [secret.name for secret in declared]
    for name in names:
        if known is not None and name not in known and not has_reference(name):
            record.refuse(
                "secrets", f"no secret {name!r} is declared under 'secrets'", suggestion(name, known)
            )
    if names and record.get("restart_policy", "no") in ("always", "unless-stopped"):
        record.refuse("secrets", "are held in memory, and would be gone after a restart (restart_policy)")


CONTAINER: Shape = ByKind(
    what="the name of an existing container, or a mapping with image or exec",
    text=Text(check=values.parse_container_name),
    mapping=Object(_FIELDS, _build, refused=_REFUSED),
)


class Container(Shape):
    """The text form is exec mode."""

    def read(self, node: Node, place: Place) -> Any:
        value = CONTAINER.read(node, place)
        return ContainerSpec(exec=value) if isinstance(value, str) else value

    def schema(self, definitions: Definitions) -> Schema:
        if "container" not in definitions:
            definitions["container"] = {}
            definitions["container"] = CONTAINER.schema(definitions)
        return {"$ref": "#/$defs/container"}
