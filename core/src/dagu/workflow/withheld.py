"""The text of a workflow as history keeps it: without the credentials that stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dagu.errors import UsageError
from dagu.workflow.load import read_text
from dagu.workflow.parse import Unparsable, parse
from dagu.workflow.tree import Node

MASK = "*******"
"""What stands in the place of a secret."""

_KEY = "registry_auths"
_REFERENCE = re.compile(r"\$\{[^{}]*\}|\$[A-Za-z_]\w*")
_PROPERTIES = re.compile(r"(?:[&!]\S*\s+)*")


def withhold(text: str) -> str:
    """The text of a workflow file, each literal credential under ``registry_auths`` replaced; references stay.

    What is no YAML is returned as it is: it can't be run.
    """
    # A key may also be written with escapes.
    if _KEY not in text and "\\" not in text:
        return text
    try:
        documents = parse(text, file="", problems=[])
    except Unparsable:
        return text
    found = {node.span: _stand_in(whole) for node, whole in _credentials(documents)}
    for (start, end), stand_in in sorted(found.items(), reverse=True):
        written = text[start:end]
        properties = _PROPERTIES.match(written)
        kept = properties[0] if properties else ""
        lines = "\n" if written.endswith("\n") else ""
        text = f"{text[:start]}{kept}{stand_in}{lines}{text[end:]}"
    return text


def complete(kept: str, file: Path | None) -> str:
    """The text that :func:`withhold` made this of, taken from the file it came from.

    Raises:
        UsageError: Credentials are missing, and the file is no longer what it was.
        WorkflowInvalid: The file can't be read.
    """
    if MASK not in kept or not _lacks(kept):
        return kept
    if file is not None and withhold(text := read_text(file)) == kept:
        return text
    raise UsageError(
        f"{file or 'the workflow'} held credentials under {_KEY}, which history does not keep, and "
        f"{'is no longer what it was' if file else 'came from no file'}",
        hint=f"start it anew; with references as ${{REGISTRY_PASSWORD}} under {_KEY} a run can be taken up again",
    )


def _lacks(text: str) -> bool:
    return any(MASK in node.text for node, _ in _credentials(parse(text, file="", problems=[])))


def _credentials(nodes: list[Node]) -> Iterator[tuple[Node, bool]]:
    """The scalars that hold one, and whether it is all of ``registry_auths``."""
    for node in nodes:
        for auths in _named(node):
            if auths.kind == "scalar":
                yield from ((each, True) for each in [auths] if _literal(each))
            else:
                yield from ((each, False) for each in _scalars(auths) if _literal(each))


def _named(node: Node) -> Iterator[Node]:
    if node.kind == "list":
        for item in node.value:
            yield from _named(item)
    elif node.kind == "map":
        for key, value in node.value:
            if key.text == _KEY:
                yield value
            else:
                yield from _named(value)


def _scalars(node: Node) -> Iterator[Node]:
    if node.kind == "scalar":
        yield node
    elif node.kind == "list":
        for item in node.value:
            yield from _scalars(item)
    else:
        for key, value in node.value:
            if key.text != "username":
                yield from _scalars(value)


def _literal(node: Node) -> bool:
    return not node.is_null and not _REFERENCE.fullmatch(node.text)


def _stand_in(whole: bool) -> str:
    # A Docker config must stay one, so that the rest of the file can still be read.
    return f'\'{{"auths": "{MASK}"}}\'' if whole else f"'{MASK}'"
