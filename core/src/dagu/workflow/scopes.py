"""The steps of one list among each other: their ids, their names, and what they depend on.

Judged on the tree, not on steps: names clash also where a step has other mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from dagu.frozen import dataclass
from dagu.workflow.model import Step
from dagu.workflow.place import Place, suggestion
from dagu.workflow.tree import Node, shortened


@dataclass(frozen=True)
class _Member:
    place: Place
    node: Node
    id: str
    name: str

    def at(self, key: str) -> tuple[Place, Node]:
        return self.place.key(key), self.node.get(key) or self.node


class Scope:
    """A list of steps that may name each other.

    Args:
        node: The list.
        place: Where it stands.
    """

    def __init__(self, node: Node, place: Place) -> None:
        self.place = place
        self.members = [
            _Member(place.item(index), item, _word(item, "id"), _word(item, "name"))
            for index, item in enumerate(node.value)
        ]
        self.words = {word for member in self.members for word in (member.id, member.name) if word}
        self.inner_words = {word for member in self.members for word in _words_within(member.node)}

    def check(self, outer: Sequence[Scope]) -> bool:
        """Record clashes, and dependencies on what is not there. Whether there were none."""
        before = len(self.place.reading.problems)
        taken = {word for scope in outer for word in scope.words}
        ids: dict[str, _Member] = {}
        names: dict[str, _Member] = {}
        for member in self.members:
            if member.id:
                self._claim(member, "id", ids, taken, "duplicate step ID")
            if member.name:
                self._claim(member, "name", names, taken, "step name must be unique, but there are two of")
        for member in self.members:
            other = ids.get(member.name)
            if member.name and other is not None and other is not member:
                place, node = member.at("name")
                place.refuse(
                    node, f"step name {shortened(member.name)} conflicts with the id of {other.place.path}"
                )
        if not self.place.reading.chain:
            for member in self.members:
                self._check_depends(member)
        return len(self.place.reading.problems) == before

    @staticmethod
    def _claim(member: _Member, key: str, seen: dict[str, _Member], taken: set[str], clash: str) -> None:
        word = member.id if key == "id" else member.name
        place, node = member.at(key)
        if word in seen:
            place.refuse(node, f"{clash} {shortened(word)} (the first is {seen[word].place.path})")
        elif word in taken:
            place.refuse(node, f"{clash} {shortened(word)} (a step around this body has it)")
        seen.setdefault(word, member)

    def _check_depends(self, member: _Member) -> None:
        node = member.node.get("depends")
        if node is None:
            return
        entries = node.value if node.kind == "list" else [node]
        for index, entry in enumerate(entries):
            if entry.kind != "scalar" or (node.kind != "list" and not entry.is_text):
                continue  # not a matter of names
            if entry.text not in self.words or not entry.text:
                place = member.place.key("depends")
                place = place.item(index) if node.kind == "list" else place
                place.refuse(
                    entry,
                    f"depends on non-existent step {shortened(entry.text)}",
                    suggestion(entry.text, self.words),
                )

    def link(self, steps: Sequence[Step]) -> tuple[Step, ...]:
        """The steps with a name each, and dependencies by name; in a chain, each on the one before it."""
        taken = self.words | self.inner_words
        taken.update(*(scope.words for scope in self.place.reading.scopes))
        prefix = _generated_prefix(self.place.path)
        names: list[str] = []
        by_word: dict[str, str] = {}
        for position, step in enumerate(steps, start=1):
            name = step.name or step.id
            if not name:
                name = f"{prefix}_{position}"
                while name in taken:
                    name += "_"
                taken.add(name)
            names.append(name)
            by_word[name] = name
            if step.id:
                by_word[step.id] = name
        linked: list[Step] = []
        for position, (step, name) in enumerate(zip(steps, names, strict=True)):
            if self.place.reading.chain:
                depends: tuple[str, ...] = (names[position - 1],) if position else ()
            else:
                depends = tuple(dict.fromkeys(by_word[word] for word in step.depends))
            linked.append(replace(step, name=name, depends=depends))
        return tuple(linked)


def _generated_prefix(path: str) -> str:
    """What generated names start with, so that those of bodies and handlers are nobody else's."""
    above = "_".join(str(int(number) + 1) for number in re.findall(r"\[(\d+)\]", path))
    handler = re.match(r"handler_on\.(\w+)", path)
    return "_".join(filter(None, (handler[1] if handler else "step", above)))


def _words_within(node: Node) -> set[str]:
    """The ids and names of a step's body, and of the bodies in it."""
    foreach = node.get("foreach")
    steps = foreach.get("steps") if foreach is not None else None
    found: set[str] = set()
    for step in steps.value if steps is not None and steps.kind == "list" else ():
        found |= {_word(step, "id"), _word(step, "name")} | _words_within(step)
    return found


def _word(node: Node, key: str) -> str:
    found = node.get(key)
    return found.text.strip() if found is not None and found.kind == "scalar" else ""
