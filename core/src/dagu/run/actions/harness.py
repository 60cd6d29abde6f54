"""``action: harness.run``: an agent program, and those to fall back on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from dagu.contracts.provider import HarnessTask, Option
from dagu.errors import UsageError
from dagu.run.context import StepContext
from dagu.run.steps.custom_harness import provider_named
from dagu.run.steps.plan import Alternative, Plan, Prepared
from dagu.sandbox.command import Command
from dagu.workflow.values.resolve import Expand, resolve_value

_OURS = {"provider", "prompt", "stdin", "fallback"}
_SHORTEST_KEY = 8
"""Characters of a credential that is masked; a shorter one is a placeholder, and stands in many a word."""


def plan(context: StepContext) -> Plan:
    """The step's configuration over the root's; the fallbacks, each over the same, replace what they name."""
    base = {**(context.run.workflow.harness or {}), **context.step.with_}
    fallback = base.pop("fallback", None) or ()
    shared = {key: base[key] for key in ("prompt", "stdin") if key in base}
    configs: list[Mapping[str, Any]] = [base, *({**shared, **other} for other in fallback)]
    return Plan(
        target=context.target,
        alternatives=tuple(
            Alternative(
                make=partial(_prepare, context, config),
                provider=str(config.get("provider") or ""),
                keeps_output=False,
            )
            for config in configs
        ),
    )


def _prepare(context: StepContext, config: Mapping[str, Any]) -> list[Prepared]:
    given: Any = resolve_value(config, context.scope, expand=Expand.SCOPE)
    provider, facts = provider_named(
        context.run.workflow, context.run.providers, str(given.get("provider") or "")
    )
    # What an agent is let in with is nobody's to read, also where it is not declared as a secret.
    keys = (context.env.get(name, "") for name in facts.credentials)
    context.run.masker.add(key for key in keys if len(key) >= _SHORTEST_KEY)
    prompt = given.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise UsageError("with.prompt is missing or empty")
    stdin = given.get("stdin")
    options: dict[str, Option] = {key: value for key, value in given.items() if key not in _OURS}
    task = HarnessTask(
        prompt=prompt,
        options=options,
        stdin=None if stdin in (None, "") else str(stdin).encode(),
        events=facts.event_stream,
    )
    invocation = provider.invocation(task)
    command = Command(
        argv=invocation.argv,
        env={**invocation.env, **context.env},
        stdin=invocation.stdin,
        working_dir=context.target.working_dir,
        files=invocation.files,
    )
    if not invocation.events:
        return [Prepared(command=command, install=facts.install)]
    model = str(options.get("model") or "")
    return [Prepared(command=command, read_events=provider.read_events, model=model, install=facts.install)]
