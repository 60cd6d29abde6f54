"""What is no mistake, but worth a word: above all, references that will stay as written."""

from __future__ import annotations

from collections.abc import Iterator

from dagu.workflow.fields import Field, Site, fields
from dagu.workflow.model import Param, Workflow
from dagu.workflow.names import unqualified_names
from dagu.workflow.values.tokens import CONTEXT_FIELDS, Kind, Token, tokens


def notices(workflow: Workflow, *, show_unresolved: bool = False) -> list[str]:
    """The lines for a file, of all its documents, one for each field and token.

    Args:
        show_unresolved: Also those references that only a run can tell about.
    """
    documents = [workflow, *(other for other in workflow.documents.values() if other is not workflow)]
    lines: dict[str, None] = {}
    for document in documents:
        label = f"document {document.name}: " if document is not workflow else ""
        lines.update(dict.fromkeys(f"{label}{notice}" for notice in document.notices))
        if document.tree is not None:
            lines.update(dict.fromkeys(_unresolved(document, label, show_unresolved)))
    return list(lines)


def _unresolved(workflow: Workflow, label: str, show_unresolved: bool) -> list[str]:
    params = {param.name: param for param in workflow.params.declared}
    found: list[tuple[int, int, str]] = []
    for field in fields(workflow):
        for text, reason, always in _judged(field, params):
            if always or show_unresolved:
                suffix = f" reason={reason}" if reason else ""
                place = f"{field.node.file}:{field.node.line}:{field.node.column}"
                line = f"{place}: {label}{field.path}: {text} was left unchanged{suffix}"
                found.append((field.node.line, field.node.column, line))
    return [line for _, _, line in sorted(found)]


def _judged(field: Field, params: dict[str, Param]) -> Iterator[tuple[str, str, bool]]:
    """Text, reason, and whether it is told in any case, of every token that has no known value."""
    for token in tokens(field.node.value):
        verdict = _verdict(token, field.site, params)
        if verdict is not None:
            yield token.text, *verdict
    if field.site.unqualified:
        for name, text in unqualified_names(field.node.value):
            if name not in field.site.env:
                yield text, "unknown_env_binding", False


def _verdict(token: Token, site: Site, params: dict[str, Param]) -> tuple[str, bool] | None:
    match token.kind:
        case Kind.CONSTS:
            return None if token.path[0] in site.consts else ("unknown_const_name", True)
        case Kind.STEPS:
            return _step_verdict(token.path[0], token.path[1], site)
        case Kind.ENV:
            return None if token.path[0] in site.env else ("unknown_env_binding", False)
        case Kind.FOREACH:
            return None if token.path[0] in site.foreach else ("namespace_unavailable", False)
        case Kind.PARAMS if not token.path:
            return "namespace_unavailable", False
        case Kind.PARAMS:
            param = params.get(token.path[0])
            return None if param is not None and param.has_default else ("", False)
        case Kind.CONTEXT:
            name = ".".join(token.path)
            if name not in CONTEXT_FIELDS:
                return "unknown_context_field", True
            return None if name in site.context else ("namespace_unavailable", False)
    return None  # those that are plain text wherever they have no value


def _step_verdict(step_id: str, output: str, site: Site) -> tuple[str, bool] | None:
    if site.steps is None:
        return "namespace_unavailable", True
    step = site.steps.get(step_id)
    if step is None:
        return "unknown_step_id", True
    if step_id in site.own:
        return "self_reference", True
    if output not in {declared.name for declared in step.outputs or ()}:
        return "unknown_output_name", True
    return None if site.before(step_id) else ("missing_dependency", True)
