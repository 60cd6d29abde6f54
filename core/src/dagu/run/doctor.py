"""What would keep a workflow from running here, found without running it. Nothing is changed, nothing left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import DaguError, WorkflowInvalid
from dagu.plugins import Plugins
from dagu.plugins.registry import RUNTIME_VARIABLE
from dagu.run.containers.choice import choose
from dagu.run.needs import all_steps, needs_engine, steps_in
from dagu.run.starter import InstalledProviders
from dagu.run.steps.custom_harness import CustomHarness, provider_named
from dagu.sandbox.policy import VARIABLE as POLICY
from dagu.sandbox.policy import policy_from_environment
from dagu.sandbox.reaper import leftovers
from dagu.workflow.load import load_file
from dagu.workflow.model import ContainerSpec, Step, Workflow

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One finding. ``state`` is ``ok``, ``warning`` or ``problem``; ``remedy`` says what to do about it."""

    check: str
    state: str
    detail: str
    remedy: str = ""


def examine(
    file: Path | None, *, environ: Mapping[str, str], plugins: Plugins, directory: Path | None = None
) -> Iterator[Row]:
    """Examine the engine, and a workflow's needs if a file is given.

    Args:
        directory: What relative bind sources are relative to; None is the file's own.
    """
    workflow: Workflow | None = None
    if file is not None:
        try:
            workflow = load_file(file)
        except WorkflowInvalid as error:
            yield Row(check="workflow", state=PROBLEM, detail=str(error), remedy="mend the file")
        else:
            yield Row(check="workflow", state=OK, detail=f"{file} has no mistakes")
    for info in plugins.info():
        if info.state == "set aside":
            named = f"{info.distribution} {info.version}: {'; '.join(info.problems)}"
            yield Row(check="plugin", state=WARNING, detail=named, remedy="update or remove it")
    if workflow is not None:
        yield from _unknown(workflow, plugins)
        yield from _on_host(workflow, environ, plugins)
        if not needs_engine(workflow):
            yield Row(check="engine", state=OK, detail="nothing in the workflow needs a container")
            return
    yield from _engine(
        workflow, environ, plugins, directory or (file.absolute().parent if file else Path.cwd())
    )


def _engine(
    workflow: Workflow | None, environ: Mapping[str, str], plugins: Plugins, directory: Path
) -> Iterator[Row]:
    try:
        choice = choose(plugins, environ)
        spec = choice.spec
        yield Row(check="runtime", state=OK, detail=f"{spec.name} ({choice.why})")
        if choice.doubt:
            yield Row(
                check="runtime",
                state=WARNING,
                detail=f"{spec.name} is in use; {choice.doubt}",
                remedy=f"set {RUNTIME_VARIABLE}, or unset the variables that are not meant",
            )
        policy = policy_from_environment(environ)
        named = environ.get(POLICY, "").strip()
        yield Row(check="policy", state=OK, detail=f"{policy.name} ({POLICY}={named})" if named else "none")
        runtime = spec.factory(environ)
    except DaguError as error:
        yield Row(check="engine", state=PROBLEM, detail=error.message, remedy=error.hint)
        return
    with runtime:
        try:
            yield from _reached(runtime)
        except DaguError as error:
            yield Row(check="engine", state=PROBLEM, detail=error.message, remedy=error.hint)
            return
        if workflow is not None:
            from dagu.run.doctor_containers import ContainerTrials

            trials = ContainerTrials(runtime, workflow, environ=environ, plugins=plugins, directory=directory)
            for container in containers(workflow):
                yield from trials.examine(container, list(steps_in(workflow, container)))


def _reached(runtime: ContainerRuntime) -> Iterator[Row]:
    info = runtime.check()
    mode = "rootless" if info.rootless else "rootful"
    where = "shares this machine's files" if info.shares_filesystem else "is on another machine"
    yield Row(
        check="engine",
        state=OK,
        detail=f"{info.name} {info.version}, {mode}, at {info.endpoint} (from {info.endpoint_source}); it {where}",
    )
    for warning in info.warnings:
        yield Row(check="engine", state=WARNING, detail=warning)
    able = ", ".join(sorted(capability.value for capability in info.capabilities))
    yield Row(check="capabilities", state=OK, detail=able)
    left = leftovers(runtime)
    if left:
        detail = f"{len(left)} things of dead runs are on the engine"
        yield Row(check="leftovers", state=WARNING, detail=detail, remedy="dagu gc")


def _unknown(workflow: Workflow, plugins: Plugins) -> Iterator[Row]:
    """Providers that no plugin and no definition brings."""
    told: set[str] = set()
    for step in all_steps(workflow):
        for name in _named(workflow, step) if step.action == "harness.run" else ():
            if name in told or "${" in name:
                continue  # a reference is replaced by a run only
            told.add(name)
            try:
                provider_named(workflow, InstalledProviders(plugins), name)
            except DaguError as error:
                detail = f"{step.name}: {error.message}"
                yield Row(check="agent", state=PROBLEM, detail=detail, remedy=error.hint)


def _on_host(workflow: Workflow, environ: Mapping[str, str], plugins: Plugins) -> Iterator[Row]:
    for step in all_steps(workflow):
        if step.action != "harness.run" or step.container or workflow.container:
            continue
        for name, binary in binaries(workflow, step, plugins):
            found = shutil.which(binary, path=environ.get("PATH"))
            if found:
                yield Row(check="agent", state=OK, detail=f"{step.name}: {binary} is {found}")
            else:
                yield Row(
                    check="agent",
                    state=PROBLEM,
                    detail=f"{step.name}: {binary}, the program of {name}, is not on PATH",
                    remedy=install(name, plugins) or f"install {binary}",
                )


def containers(workflow: Workflow) -> list[ContainerSpec]:
    """Every ``container:`` of a workflow, each once."""
    specs = [workflow.container, *(step.container for step in all_steps(workflow))]
    return list({id(spec): spec for spec in specs if spec is not None}.values())


def binaries(workflow: Workflow, step: Step, plugins: Plugins) -> Iterator[tuple[str, str]]:
    """Provider and program of each agent that a step may use; unknown providers are left out."""
    for name in _named(workflow, step):
        definition = workflow.harnesses.get(name)
        if definition is not None:
            yield name, CustomHarness(definition).facts.binary
        elif name in plugins.providers() and name not in workflow.harnesses:
            yield name, plugins.providers()[name].facts.binary


def _named(workflow: Workflow, step: Step) -> list[str]:
    base = {**(workflow.harness or {}), **step.with_}
    return [str(config.get("provider") or "") for config in (base, *(base.get("fallback") or ()))]


def install(name: str, plugins: Plugins) -> str:
    """The command that installs a provider's program, empty when unknown."""
    spec = plugins.providers().get(name)
    return spec.facts.install if spec is not None else ""
