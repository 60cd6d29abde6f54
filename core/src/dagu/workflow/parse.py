"""From YAML text to positioned trees, one a document.

Built from parser events rather than with PyYAML's composer: its recursion ends in a crash on deep input, and it keeps
the last of two equal keys in silence.
"""

from __future__ import annotations

from typing import Any, NoReturn

import yaml

from dagu.errors import Problem
from dagu.workflow.tree import Node, resolve_scalar, shortened

MAX_DEPTH = 60
"""Levels of nesting; what reads the tree recurses."""

MAX_NODES = 200_000
"""Values in one file, aliases counted as often as they are used."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}


class Unparsable(Exception):
    """The text is no YAML, or more than this reads. Carries the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def parse(text: str, *, file: str, problems: list[Problem]) -> list[Node]:
    """The documents of a YAML stream. Mistakes that leave the tree whole (a key twice) go to ``problems``.

    Raises:
        Unparsable: The text is not YAML, too deep, too large, or its aliases expand without end.
    """
    builder = _Builder(file, problems)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise Unparsable(Problem(file, *place, f"not valid yaml: {_what(error, text)}")) from error
    except (yaml.YAMLError, UnicodeError) as error:
        where = getattr(error, "position", None)
        before = text[:where] if isinstance(where, int) else ""
        line = before.count("\n") + 1 if before else 0
        reason = getattr(error, "reason", None) or "it holds characters that YAML does not allow"
        raise Unparsable(Problem(file, line, 1 if line else 0, f"not valid yaml: {reason}")) from error
    return builder.documents


def _what(error: yaml.MarkedYAMLError, text: str) -> str:
    """The parser's words, where what it speaks of began, and what to do about the usual causes."""
    where, began, context = error.problem_mark, error.context_mark, error.context
    if context and where and began and began.line < where.line:
        context += f" that began on line {began.line + 1}"
    line = text.split("\n")[where.line : where.line + 1] if where else []
    at = line[0][where.column : where.column + 1] if where and line else ""
    remedy = ""
    if at == "\t":
        remedy = " (indent with blanks, not with tabs)"
    elif at and at in "@`%":
        remedy = f" (put a text that begins with {at} into quotes)"
    elif at == ":" and "mapping values" in (error.problem or ""):
        remedy = " (put a text that holds ': ' into quotes)"
    return ", ".join(part for part in (error.problem, context) if part) + remedy


class _Builder:
    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        self.problems = problems
        self.documents: list[Node] = []
        self.anchors: dict[str, Node | None] = {}
        self.stack: list[tuple[Node, str | None]] = []
        self.nodes = 0
        self.start = Node("scalar", None, file=file, line=1, column=1)

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.add(self.scalar(event), event.anchor)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            kind = "map" if isinstance(event, yaml.MappingStartEvent) else "list"
            node = self.node(kind, [], event)
            if event.tag not in (None, "!", f"{_TAG}{'map' if kind == 'map' else 'seq'}"):
                self.report(node, f"the yaml tag {shortened(event.tag)} is not supported here")
            if len(self.stack) >= MAX_DEPTH:
                self.stop(node, f"nested deeper than {MAX_DEPTH} levels")
            if event.anchor:
                self.anchors[event.anchor] = None  # until it is whole
            self.stack.append((node, event.anchor))
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            node, anchor = self.stack.pop()
            self.add(self.mapping(node) if node.kind == "map" else node, anchor)
        elif isinstance(event, yaml.AliasEvent):
            self.add(self.alias(event), None)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.anchors = {}
            self.start = self.node("scalar", None, event)

    def node(self, kind: str, value: Any, event: Any, source: str = "") -> Node:
        mark = event.start_mark
        return Node(kind, value, file=self.file, line=mark.line + 1, column=mark.column + 1, source=source)

    def scalar(self, event: Any) -> Node:
        text: str = event.value
        plain = event.implicit[0]
        node = self.node("scalar", resolve_scalar(text) if plain else text, event, text)
        node.span = (event.start_mark.index, event.end_mark.index)
        if event.tag is None or event.tag in ("!", _TAG + "str"):
            return node
        name = event.tag.removeprefix(_TAG)
        value = resolve_scalar(text)
        if isinstance(value, _SCALAR_TAGS.get(name, ())):
            node.value = float(value) if name == "float" and isinstance(value, int) else value
        else:
            self.report(node, f"the yaml tag {shortened(event.tag)} does not fit, or is not supported here")
        return node

    def alias(self, event: Any) -> Node:
        here = self.node("scalar", None, event)
        if event.anchor not in self.anchors:
            self.stop(here, f"not valid yaml: the alias '*{event.anchor}' has no anchor before it")
        found = self.anchors[event.anchor]
        if found is None:
            self.stop(here, f"the alias '*{event.anchor}' stands inside what it names")
        if len(self.stack) + found.height > MAX_DEPTH:
            self.stop(here, f"nested deeper than {MAX_DEPTH} levels")
        return found

    def add(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        self.nodes += 1
        if not self.stack:
            self.documents.append(self.start if node.is_null else node)
            return
        parent = self.stack[-1][0]
        parent.value.append(node)
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if parent.size > MAX_NODES or self.nodes > MAX_NODES:
            self.stop(node, f"more than {MAX_NODES:,} values, aliases expanded")

    def mapping(self, node: Node) -> Node:
        """Pair up keys and values; merge keys (``<<``) give what the mapping itself does not set."""
        seen: dict[str, Node] = {}
        pairs: list[tuple[Node, Node]] = []
        merges: list[Node] = []
        for key, value in zip(node.value[::2], node.value[1::2], strict=True):
            if key.kind != "scalar":
                self.report(key, f"a key must be text, not {key.described}")
                continue
            if key.value is None:
                key.value = key.source or "null"
            name = key.text
            if name == "<<":
                merges += value.value if value.kind == "list" else [value]
            elif name in seen:
                self.report(key, f"the key {shortened(name)} is already defined on line {seen[name].line}")
            else:
                seen[name] = key
                pairs.append((key, value))
        for merge in merges:
            if merge.kind != "map":
                self.report(merge, f"'<<' merges mappings, not {merge.described}")
                continue
            for key, value in merge.value:
                if key.text not in seen:
                    seen[key.text] = key
                    pairs.append((key, value))
        node.value = pairs
        return node

    def report(self, node: Node, message: str) -> None:
        self.problems.append(Problem(self.file, node.line, node.column, message))

    def stop(self, node: Node, message: str) -> NoReturn:
        raise Unparsable(Problem(self.file, node.line, node.column, message))
