"""Which hosts a container may reach: ``network: {allow: …}``, judged, and the gate that lets it through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from dagu.errors import UsageError
from dagu.run.context import Providers
from dagu.run.points import reach
from dagu.run.steps.custom_harness import provider_named
from dagu.sandbox.egress import PROXY_NAMES, Gates
from dagu.workflow.container_values import parse_allowed_host
from dagu.workflow.model import ContainerSpec, Step, Workflow
from dagu.workflow.references import has_reference
from dagu.workflow.values.resolve import Expand, resolve
from dagu.workflow.values.scope import Scope

PROVIDER = "provider"
"""Entry that stands for the hosts of the providers that run in the container."""

Hosts = tuple[str, ...] | None
"""What may be reached; None: the network is of another kind."""


def allowed_hosts(
    spec: ContainerSpec, steps: Iterable[Step], *, workflow: Workflow, providers: Providers, scope: Scope
) -> Hosts:
    """The hosts of a resolved spec's allowlist.

    Args:
        steps: Those that run in the container.

    Raises:
        UsageError: An entry is no host, a provider tells none, or another field contradicts the list.
    """
    if not isinstance(spec.network, Mapping):
        return None
    problems = list(_contradictions(spec))
    found: list[str] = []
    for index, entry in enumerate(spec.network["allow"]):
        if entry == PROVIDER:
            found += _of_providers(steps, workflow, providers, scope, problems)
            continue
        try:
            parse_allowed_host(entry)
        except ValueError as error:
            problems.append(f"container.network.allow[{index}]: {error}")
        found.append(entry.lower())
    if problems:
        raise UsageError("; ".join(problems))
    return tuple(dict.fromkeys(found))


def through_gate(
    gates: Gates, spec: ContainerSpec, env: Mapping[str, str], hosts: Hosts
) -> tuple[ContainerSpec, Mapping[str, str]]:
    """The spec and the container's environment with the way out that its hosts allow.

    Raises:
        Unsupported: There can be no such network here.
    """
    if hosts is None:
        return spec, env
    gate = gates.gate(hosts)
    reach("gate-open")
    return replace(spec, network=gate.network, dns=gate.dns), {**env, **gate.env}


def _contradictions(spec: ContainerSpec) -> Iterator[str]:
    names = sorted({entry.name for entry in spec.env} & PROXY_NAMES)
    if names:
        yield f"container.env: {', '.join(names)} can't be set beside network.allow, which sets it to its proxy"
    if spec.dns:
        yield "container.dns: beside network.allow, names are looked up by its proxy"
    if spec.ports:
        yield "container.ports: beside network.allow, nothing from outside reaches the container"
    if spec.keep_container or spec.restart_policy not in ("", "no"):
        name = "keep_container" if spec.keep_container else "restart_policy"
        yield f"container.{name}: a container can't outlive its run beside network.allow, whose proxy ends with it"


def _of_providers(
    steps: Iterable[Step], workflow: Workflow, providers: Providers, scope: Scope, problems: list[str]
) -> list[str]:
    names: list[str] = []
    for step in steps:
        if step.action == "harness.run":
            names += [resolve(name, scope, expand=Expand.SCOPE) for name in _provider_names(step, workflow)]
    found: list[str] = []
    for name in dict.fromkeys(names):
        if has_reference(name):
            problems.append(
                f"container.network.allow: provider {name} is known only when its step runs; list its hosts"
            )
            continue
        _, facts = provider_named(workflow, providers, name)
        found += facts.hosts
        if not facts.hosts:
            problems.append(
                f"container.network.allow: provider {name} tells no hosts that it talks to; list them instead"
            )
    if not names:
        problems.append("container.network.allow: provider: no harness.run step runs in this container")
    return found


def _provider_names(step: Step, workflow: Workflow) -> Sequence[str]:
    base: Mapping[str, Any] = {**(workflow.harness or {}), **step.with_}
    configs = [base, *(base.get("fallback") or ())]
    return [str(config["provider"]) for config in configs if config.get("provider")]
