"""From a workflow file to its checked model, or to every mistake in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dagu.errors import Problem, WorkflowInvalid
from dagu.workflow.base_config import Base, read_base
from dagu.workflow.connection import connection_notices
from dagu.workflow.model import Workflow
from dagu.workflow.parse import Unparsable, parse
from dagu.workflow.place import INVALID, Place, Reading
from dagu.workflow.shapes.documents import DOCUMENT
from dagu.workflow.tree import Node

MAX_BYTES = 4 * 1024 * 1024
"""Size of a workflow file that is read at all."""


def load_file(path: Path, *, base: Path | None = None, entry_name_allowed: bool = True) -> Workflow:
    """The first document of a workflow file; the others are its ``documents``.

    Args:
        base: A YAML file of root fields that lie beneath every document.
        entry_name_allowed: Whether the first document may have a name.

    Raises:
        WorkflowInvalid: With every mistake of the file, or why it can't be read.
    """
    return load_text(
        read_text(path), name=str(path), file=path, base=base, entry_name_allowed=entry_name_allowed
    )


def load_text(
    text: str,
    *,
    name: str,
    file: Path | None = None,
    base: Path | None = None,
    entry_name_allowed: bool = True,
) -> Workflow:
    """As :func:`load_file`, of text that is there already.

    Args:
        name: How messages call the file.
        file: The file that the text stands for, if there is one.
    """
    problems: list[Problem] = []
    try:
        beneath = read_base(read_text(base), str(base), problems) if base is not None else Base()
        roots = parse(text, file=name, problems=problems)
    except Unparsable as error:
        raise WorkflowInvalid([*problems, error.problem]) from None
    if not roots or (len(roots) == 1 and roots[0].is_null):
        problems.append(Problem(name, 1, 1, "the file is empty: it holds no workflow"))
    else:
        workflows = _documents(roots, beneath, problems, entry_name_allowed=entry_name_allowed)
        if not problems:
            return _linked(roots, workflows, beneath, text, file)
    raise WorkflowInvalid(list(dict.fromkeys(problems)))


def read_text(path: Path) -> str:
    """The text of a YAML file.

    Raises:
        WorkflowInvalid: There is none at that path, or it is no text.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(path, f"can't be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise _unreadable(path, f"is larger than {MAX_BYTES // 2**20} MiB, too large for a workflow")
    if b"\0" in data:
        raise _unreadable(path, "is not a yaml text: it holds binary data")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unreadable(path, "is not a yaml text: it is not UTF-8", line) from None


def _unreadable(path: Path, message: str, line: int = 0) -> WorkflowInvalid:
    return WorkflowInvalid([Problem(str(path), line, 1 if line else 0, message)])


def _documents(
    roots: list[Node], base: Base, problems: list[Problem], *, entry_name_allowed: bool
) -> list[Any]:
    workflows: list[Any] = []
    names: dict[str, int] = {}
    for number, root in enumerate(roots, start=1):
        place = Place(Reading(problems, root.file, f"document {number}: " if number > 1 else ""))
        if root.is_null:
            place.reading.label = ""
            place.refuse(root, f"document {number} is empty")
            continue
        if root.kind != "map":
            place.refuse(root, f"not a workflow: its yaml must be a mapping of keys, not {root.described}")
            continue
        _check_name(root, number, place, names, entry_name_allowed=entry_name_allowed)
        workflows.append(DOCUMENT.read(base.beneath(root), place))
    return workflows


def _check_name(
    root: Node, number: int, place: Place, names: dict[str, int], *, entry_name_allowed: bool
) -> None:
    node = root.get("name")
    name = node.text.strip() if node is not None and node.kind == "scalar" else ""
    if number > 1 and not name:
        place.key("name").refuse(node or root, "required: only the first document may be without a name")
    if number == 1 and node is not None and not node.is_null and not entry_name_allowed:
        place.refuse(
            root.key("name"),
            "the first document is the entrypoint, named by its file; it must not have a name",
        )
    if name and name in names and node is not None:
        place.key("name").refuse(
            node, f"the name {name!r} must be unique, but document {names[name]} has it too"
        )
    names.setdefault(name, number)


def _linked(roots: list[Node], workflows: list[Any], base: Base, text: str, file: Path | None) -> Workflow:
    assert INVALID not in workflows, "whatever is invalid is told as a problem"
    by_name: dict[str, Workflow] = {}
    documents = MappingProxyType(by_name)
    linked: list[Workflow] = [
        replace(
            workflow,
            file=file,
            source=text,
            documents=documents,
            base_handlers=base.handlers(root),
            notices=connection_notices(workflow),
            tree=root,
        )
        for root, workflow in zip(roots, workflows, strict=True)
    ]
    by_name.update({workflow.name: workflow for workflow in linked if workflow.name})
    return linked[0]
