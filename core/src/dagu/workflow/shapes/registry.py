"""``registry_auths``: credentials, whose values never stand in a message."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any

from dagu.workflow.place import INVALID, Place
from dagu.workflow.references import has_reference
from dagu.workflow.shapes.base import ByKind, Definitions, MapOf, Schema, Shape
from dagu.workflow.shapes.record import Object, Record
from dagu.workflow.tree import Node

_REGISTRY = r"(https?://)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]+)?(/\S*)?"


def _registry(text: str) -> None:
    if not re.fullmatch(_REGISTRY, text) and not has_reference(text):
        raise ValueError(f"{text!r} is not the host of a registry")


def _auth(record: Record) -> Any:
    if record.whole and not record.authored("auth", "username", "password"):
        return record.refuse_all("needs username and password, or auth")
    if record.authored("auth") and record.authored("username", "password"):
        return record.refuse_all("takes auth, or username and password; not both")
    if len(record.authored("username", "password")) == 1:
        return record.refuse_all("needs both username and password")
    return MappingProxyType(record.values) if record.whole else INVALID


class _Credential(Shape):
    """Text whose value never stands in a message."""

    def read(self, node: Node, place: Place) -> Any:
        if node.kind != "scalar" or node.value is None or not node.text:
            return place.refuse(node, "must be text that is not empty")
        return node.source

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": ["string", "number", "boolean"], "minLength": 1}


class _AuthConfig(Shape):
    """A Docker config as JSON text, or a reference to one."""

    def read(self, node: Node, place: Place) -> Any:
        import json

        if has_reference(node.text):
            return node.text
        try:
            config = json.loads(node.text)
        except (ValueError, RecursionError):
            config = None
        if not isinstance(config, dict):
            return place.refuse(node, "must be a mapping of hosts, or a Docker config as JSON text")
        return node.text

    def schema(self, definitions: Definitions) -> Schema:
        return {"type": "string"}


REGISTRY_AUTHS: Shape = ByKind(
    what="a mapping of hosts, or a Docker config as JSON text",
    secret=True,
    text=_AuthConfig(),
    mapping=MapOf(
        ByKind(
            what="a mapping with username and password, or auth",
            secret=True,
            mapping=Object(
                {"username": _Credential(), "password": _Credential(), "auth": _Credential()}, _auth
            ),
        ),
        key=_registry,
    ),
)
