"""The parameters of a run: their values chosen, their ``eval`` fields evaluated before there are steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from dagu.errors import UsageError
from dagu.run.steps.probe import host_output
from dagu.workflow.model import EnvEntry, Value, Workflow
from dagu.workflow.names import unqualified_names
from dagu.workflow.values.environment import run_scope
from dagu.workflow.values.params_input import ParamValues, choose_params
from dagu.workflow.values.params_tokens import CallerInput
from dagu.workflow.values.scope import Scope
from dagu.workflow.values.shells import choose_shell
from dagu.workflow.values.substitution import evaluate
from dagu.workflow.values.text import parse_json
from dagu.workflow.values.tokens import Kind, tokens

_FETCH_SECONDS = 10
_MOST = 1024 * 1024


def chosen_params(
    workflow: Workflow, scope: Scope, given: CallerInput, environ: Mapping[str, str], directory: Path
) -> ParamValues:
    """The values of a workflow's parameters.

    Args:
        scope: Has the constants and the run's context.
        environ: The process environment.
        directory: Where the commands of ``eval`` fields start.

    Raises:
        DaguError: The input does not fit, or a value that is required can't be had.
    """
    entries = without_params(workflow.env, {param.name for param in workflow.params.declared})

    def evaluated(text: str, chosen: ParamValues) -> str:
        known = scope.layer(params=chosen.named, params_json=chosen.json)
        known = run_scope(known, host=environ, entries=entries)
        shell = choose_shell(default=environ.get("DAGU_DEFAULT_SHELL", ""), login=environ.get("SHELL", ""))
        ask = partial(host_output, shell=shell.argv, env={**environ, **known.env}, directory=directory)
        return evaluate(text, known, ask)

    return choose_params(workflow.params, given, evaluate=evaluated, schema=read_schema(workflow))


def without_params(entries: Sequence[EnvEntry], params: set[str]) -> tuple[EnvEntry, ...]:
    """The ``env`` entries whose values need no parameter, directly or by way of another entry."""
    kept: list[EnvEntry] = []
    needing = {*params, "DAG_PARAMS_JSON"}
    for entry in entries:
        found = list(tokens(entry.value))
        names = {name for name, _ in unqualified_names(entry.value)}
        names |= {token.path[0] for token in found if token.kind is Kind.ENV}
        if names & needing or any(token.kind is Kind.PARAMS for token in found):
            needing.add(entry.name)
        else:
            needing.discard(entry.name)
            kept.append(entry)
    return tuple(kept)


def read_schema(workflow: Workflow) -> Mapping[str, Value] | None:
    """The JSON Schema that ``params.schema`` names by path or URL, None where it names none.

    Raises:
        UsageError: It can't be read, or is none.
    """
    named = workflow.params.schema
    if not isinstance(named, str):
        return None
    beside = workflow.file.parent if workflow.file else Path.cwd()
    try:
        text = _fetched(named) if named.startswith(("http://", "https://")) else (beside / named).read_text()
        schema = parse_json(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"params.schema: {named} can't be read: {error}") from error
    if not isinstance(schema, dict):
        raise UsageError(f"params.schema: {named} holds no JSON Schema")
    return schema


def _fetched(url: str) -> str:
    from urllib.request import urlopen

    with urlopen(url, timeout=_FETCH_SECONDS) as answer:
        data: bytes = answer.read(_MOST + 1)
    if len(data) > _MOST:
        raise ValueError(f"larger than {_MOST} bytes")
    return data.decode()
