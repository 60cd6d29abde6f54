"""Every text of a document that references are replaced in, with what they can see there."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace

from dagu.frozen import dataclass
from dagu.workflow.model import Step, Workflow
from dagu.workflow.tree import Node


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a field can see.

    Attributes:
        env: Names of ``env`` entries that come before it, or around it.
        consts: Names of the constants that exist there.
        steps: Steps whose outputs a reference may name, by id; None where there are none at all.
        before: Whether the step of an id has ended when the field is evaluated.
        own: Ids of the step itself, and of the steps around it.
        context: Fields of the run context that are known.
        foreach: Names of ``${foreach.…}``.
        unqualified: Names without a namespace are the runner's to replace.
    """

    env: frozenset[str]
    consts: frozenset[str]
    steps: Mapping[str, Step] | None = None
    before: Callable[[str], bool] = lambda _: False
    own: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset({"dag.name"})
    foreach: frozenset[str] = frozenset()
    unqualified: bool = False

    def seeing(self, env: Sequence[str]) -> Site:
        """The same with more ``env`` entries."""
        return replace(self, env=self.env | set(env)) if env else self


@dataclass(frozen=True)
class Field:
    """One text of the file."""

    path: str
    node: Node
    site: Site


_PLAIN_ROOT = ("dotenv", "working_dir", "shell", "shell_args", "artifacts")
_STEP_CONTEXT = frozenset(
    {
        "dag.name",
        "step.name",
        "step.id",
        "paths.step_stdout_file",
        "paths.step_stderr_file",
        "paths.step_output_file",
    }
)
_HANDLER_CONTEXT = frozenset({"dag.name", "step.name"})
_PLAIN_STEP = ("run", "with", "working_dir", "stdout", "stderr", "output", "parallel", "retry_policy")
_LITERAL = frozenset({"expected", "negate"})


def fields(workflow: Workflow) -> Iterator[Field]:
    """The fields of a document's own text, in no particular order. Those of the base config are not among them."""
    root: Node = workflow.tree
    consts = frozenset(name for name, _ in workflow.consts)
    with_default = frozenset(param.name for param in workflow.params.declared if param.has_default)
    yield from _consts(root.get("consts"), workflow)
    own = _env_names(root.get("env"))
    base = [entry.name for entry in workflow.env[: len(workflow.env) - len(own)]]
    bare = Site(env=with_default | set(base), consts=consts)
    yield from _env(root.get("env"), "env", bare)
    site = bare.seeing(own)
    for key in _PLAIN_ROOT:
        yield from _texts(root.get(key), key, site)
    params = root.get("params")
    if params is not None and params.kind == "list":
        for index, item in enumerate(params.value):
            yield from _texts(item.get("eval"), f"params[{index}].eval", site)
    yield from _texts(root.get("preconditions"), "preconditions", site, _LITERAL)
    yield from _container(root.get("container"), "container", site)
    yield from _for_steps(root, site, workflow)
    yield from _steps(root.get("steps"), "steps", site, workflow.steps)
    handlers = root.get("handler_on")
    for event, node in handlers.value if handlers is not None and handlers.kind == "map" else ():
        step = workflow.handlers.get(event.text)
        if step is not None:
            yield from _step(node, f"handler_on.{event.text}", replace(site, context=_HANDLER_CONTEXT), step)


def _texts(
    node: Node | None, path: str, site: Site, literal: Container[str] = frozenset()
) -> Iterator[Field]:
    """Every text in a value. The keys in ``literal`` are passed over, on any level."""
    if node is None:
        return
    if node.kind == "list":
        for index, item in enumerate(node.value):
            yield from _texts(item, f"{path}[{index}]", site, literal)
    elif node.kind == "map":
        for key, value in node.value:
            if key.text not in literal:
                yield from _texts(value, f"{path}.{key.text}", site, literal)
    elif node.is_text and "$" in node.value:
        yield Field(path, node, site)


def _consts(node: Node | None, workflow: Workflow) -> Iterator[Field]:
    if node is None or node.kind != "list":
        return
    earlier = [name for name, _ in workflow.consts[: len(workflow.consts) - len(node.value)]]
    for item in node.value:
        key, value = item.value[0]
        yield from _texts(
            value, f"consts.{key.text}", Site(env=frozenset(), consts=frozenset(earlier), context=frozenset())
        )
        earlier.append(key.text)


def _pairs(node: Node) -> Iterator[tuple[int, str, Node]]:
    """Number, name and value of ``env`` entries; the value of ``NAME=value`` is the whole text."""
    for index, item in enumerate(node.value):
        if node.kind == "map":
            yield index, item[0].text, item[1]
        elif item.kind == "map":
            yield from ((index, key.text, value) for key, value in item.value)
        else:
            yield index, item.text.partition("=")[0], item


def _env_names(node: Node | None) -> list[str]:
    return [name for _, name, _ in _pairs(node)] if node is not None and node.kind != "scalar" else []


def _env(node: Node | None, path: str, site: Site) -> Iterator[Field]:
    """Entries see those before them."""
    if node is None or node.kind == "scalar":
        return
    seen: list[str] = []
    for index, name, value in _pairs(node):
        yield from _texts(value, f"{path}[{index}]", replace(site.seeing(seen), unqualified=True))
        seen.append(name)


def _container(node: Node | None, path: str, site: Site) -> Iterator[Field]:
    if node is None:
        return
    yield from _texts(node, path, site, {"env"})
    yield from _env(node.get("env"), f"{path}.env", site)


def _for_steps(root: Node, site: Site, workflow: Workflow) -> Iterator[Field]:
    """``defaults`` and ``harness``: written at the root, evaluated in steps."""
    ids = {step.id: step for step in workflow.steps if step.id}
    site = replace(site, steps=ids, before=ids.__contains__, context=_STEP_CONTEXT)
    yield from _texts(root.get("harness"), "harness", site)
    node = root.get("defaults")
    if node is None:
        return
    yield from _env(node.get("env"), "defaults.env", site)
    for key in ("preconditions", "retry_policy", "repeat_policy"):
        yield from _texts(node.get(key), f"defaults.{key}", site, _LITERAL)


def _steps(node: Node | None, path: str, site: Site, steps: Sequence[Step]) -> Iterator[Field]:
    """Steps of a list, and of the bodies in it, each seeing those that it waits for."""
    if node is None:
        return
    visible = {**(site.steps or {}), **{step.id: step for step in steps if step.id}}
    by_name = {step.name: step for step in steps}
    for index, (item, step) in enumerate(zip(node.value, steps, strict=True)):
        mine = replace(
            site,
            steps=visible,
            before=_Ended(step, by_name, site.before),
            own=site.own | {step.id},
            context=_STEP_CONTEXT,
        )
        yield from _step(item, f"{path}[{index}]", mine, step)


class _Ended:
    """Whether a step comes before another one of its list; found out when first asked."""

    def __init__(self, step: Step, by_name: Mapping[str, Step], around: Callable[[str], bool]) -> None:
        self._step = step
        self._by_name = by_name
        self._around = around
        self._ids: set[str] | None = None

    def __call__(self, step_id: str) -> bool:
        if self._ids is None:
            self._ids = self._find()
        return step_id in self._ids or self._around(step_id)

    def _find(self) -> set[str]:
        found: set[str] = set()
        waiting = list(self._step.depends)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._by_name[name].depends
        return {self._by_name[name].id for name in found}


def _step(node: Node, path: str, site: Site, step: Step) -> Iterator[Field]:
    yield from _env(node.get("env"), f"{path}.env", site)
    site = site.seeing([entry.name for entry in step.env])
    yield from _container(node.get("container"), f"{path}.container", site)
    if step.container is not None:
        site = site.seeing([entry.name for entry in step.container.env])
    for key in _PLAIN_STEP:
        yield from _texts(node.get(key), f"{path}.{key}", site)
    for key in ("preconditions", "repeat_policy"):
        yield from _texts(node.get(key), f"{path}.{key}", site, _LITERAL)
    foreach = node.get("foreach")
    if foreach is not None and step.foreach is not None:
        yield from _foreach(foreach, f"{path}.foreach", site, step)


def _foreach(node: Node, path: str, site: Site, step: Step) -> Iterator[Field]:
    assert step.foreach is not None
    yield from _texts(node.get("items"), f"{path}.items", site)
    inner = replace(site, foreach=site.foreach | {"index", "key", step.foreach.name})
    yield from _texts(node.get("key"), f"{path}.key", inner)
    yield from _steps(node.get("steps"), f"{path}.steps", inner, step.foreach.steps)
    body = {each.id: each for each in step.foreach.steps if each.id}
    ended = replace(
        inner,
        steps={**(inner.steps or {}), **body},
        before=lambda step_id: step_id in body or site.before(step_id),
    )
    yield from _texts(node.get("collect"), f"{path}.collect", ended)
