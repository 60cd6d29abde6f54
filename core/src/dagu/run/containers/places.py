"""Which place a step's commands get: the host, the run's container, an existing one, or one of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial

from dagu.contracts.capability import Capability
from dagu.contracts.container import EMPTY, ImageInfo
from dagu.frozen import dataclass
from dagu.run.containers import tied
from dagu.run.containers.egress import Hosts, allowed_hosts, through_gate
from dagu.run.containers.engine import Engine
from dagu.run.containers.raw import Raw
from dagu.run.containers.requests import Wanted
from dagu.run.containers.spec import container_env, resolved
from dagu.run.context import Providers
from dagu.run.needs import steps_in
from dagu.run.recovery.resume import Interrupted
from dagu.run.steps.plan import Target
from dagu.sandbox import scratch
from dagu.sandbox.command import Command
from dagu.sandbox.existing import ExistingContainer
from dagu.sandbox.own import Discard, Noting, OwnContainer
from dagu.sandbox.place import Place
from dagu.sandbox.readiness import Readiness
from dagu.sandbox.run_container import Keeping, RunContainer
from dagu.sandbox.shared import SharedContainer
from dagu.sandbox.stopping import Stop
from dagu.sandbox.taken import TakenContainer
from dagu.workflow.model import ContainerSpec, Workflow
from dagu.workflow.values.patterns import Pattern
from dagu.workflow.values.scope import Scope


def run_container(
    engine: Engine,
    workflow: Workflow,
    spec: ContainerSpec,
    scope: Scope,
    *,
    providers: Providers,
    stopped: Stop,
) -> SharedContainer:
    """Make, or find, the container that the run's steps share.

    Raises:
        RuntimeFailure: It can't be had.
    """
    steps = steps_in(workflow, spec)
    spec = resolved(spec, scope)
    hosts = allowed_hosts(spec, steps, workflow=workflow, providers=providers, scope=scope)
    spec, env = through_gate(engine.gates, spec, container_env(spec, scope), hosts)
    container: SharedContainer
    if spec.exec:
        container = _existing(engine, spec, stopped)
    else:
        wanted = engine.wanted(spec, env=env, egress=hosts)
        image = engine.ready_image(spec, stopped)
        container = _kept_alive(engine, wanted, spec, image, stopped)
    container.shell = spec.shell
    container.working_dir = spec.working_dir
    container.env = env
    container.hidden = frozenset(spec.secrets)
    container.explain = engine.surroundings(spec).explain
    return container


def shared_target(container: SharedContainer) -> Target:
    """The run's container, for one step."""
    return Target(
        kind=SharedContainer.kind,
        contained=True,
        shared=True,
        open=lambda _commands, _stopped: container,
        shell=container.shell or None,
        working_dir=container.working_dir,
        env=container.env,
        hidden=container.hidden,
        temporary=container.temporary,
        explain=container.explain,
    )


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """What a container of a step is made for.

    Attributes:
        attempt: The number of the attempt that runs now.
        raw: The engine's raw objects of ``docker.run``: ``container``, ``host``, ``network``.
        egress: The hosts that its network lets through, where it has an allowlist.
        noting: The bookmark of that attempt.
    """

    step: str
    attempt: Callable[[], int]
    raw: Raw = field(default_factory=lambda: EMPTY, repr=False)
    egress: Hosts = None
    noting: Callable[[], Noting | None] = lambda: None


def step_target(engine: Engine, spec: ContainerSpec, env: Mapping[str, str], occasion: Occasion) -> Target:
    """A container for one step: its own, or an existing one (exec mode).

    Args:
        spec: Resolved.
        env: What the container sets itself.

    Raises:
        UsageError: A volume can't be read.
    """
    return Target(
        kind=SharedContainer.kind if spec.exec else OwnContainer.kind,
        contained=True,
        open=partial(_open_step, engine, spec, env, occasion),
        shell=spec.shell or None,
        working_dir=spec.working_dir,
        env=env,
        hidden=frozenset(spec.secrets),
        temporary=scratch.USUAL if spec.exec else engine.temporary(spec, occasion.raw),
        explain=engine.surroundings(spec).explain,
    )


def _open_step(
    engine: Engine,
    spec: ContainerSpec,
    env: Mapping[str, str],
    occasion: Occasion,
    commands: Sequence[Command],
    stopped: Stop,
) -> Place:
    if spec.exec:
        return _existing(engine, spec, stopped)
    wanted = engine.wanted(
        spec,
        env=env,
        step=occasion.step,
        attempt=occasion.attempt(),
        raw=occasion.raw,
        egress=occasion.egress,
    )
    image = engine.ready_image(spec, stopped)
    if len(commands) > 1 or engine.tied:
        # One that is tied is held by its main process, so its only command can't be that.
        return _kept_alive(engine, wanted, spec, image, stopped, entry=len(commands) == 1)
    request = wanted.request
    if Capability.INIT in engine.runtime.check().capabilities and spec.init is None and not image.entrypoint:
        # Without one, a command that is process 1 ignores every signal that it has no handler for.
        request = replace(request, init=True)
    # Where it has a name, that has to be free for a next attempt.
    discard: Discard = engine.janitor.remove if spec.name else engine.janitor.discard
    if spec.keep_container:
        discard = _leave
    return OwnContainer(
        engine.runtime,
        request,
        image=image,
        outfit=wanted.outfit,
        discard=discard,
        # Copies are brought back, and a proxy is kept, only by the runner that made them.
        noting=None if wanted.outfit.carried or occasion.egress is not None else occasion.noting(),
    )


def taken_target(engine: Engine, target: Target, one: Interrupted) -> Target:
    """The target of a step whose container is there already."""
    facts = one.facts

    def open_taken(_commands: Sequence[Command], _stopped: Stop) -> Place:
        return TakenContainer(
            engine.runtime,
            facts.container,
            image=facts.image,
            init=facts.init,
            discard=_leave if facts.keep else engine.janitor.remove,
        )

    return replace(target, open=open_taken)


def _leave(_made: object) -> None:
    return None


def _kept_alive(
    engine: Engine,
    wanted: Wanted,
    spec: ContainerSpec,
    image: ImageInfo,
    stopped: Stop,
    *,
    entry: bool = False,
) -> RunContainer:
    keeping = Keeping(
        startup=spec.startup,
        command=spec.command if spec.startup == "command" else (),
        keep=spec.keep_container,
        init=spec.init,
        wait_for=spec.wait_for,
        log_pattern=spec.log_pattern,
        log_found=Pattern(spec.log_pattern).search if spec.log_pattern else None,
        entry=entry,
        no_shell=tied.NO_SHELL if engine.tied else "",
    )
    container = RunContainer(
        engine.runtime,
        wanted.request,
        keeping,
        image=image,
        outfit=wanted.outfit,
        discard=engine.janitor.remove,
        stopped=stopped,
    )
    if container.fell_back:
        engine.notice(
            f"container.wait_for is healthy, but image {spec.image} has no health check; "
            "it counts as ready because it runs"
        )
    return container


def _existing(engine: Engine, spec: ContainerSpec, stopped: Stop) -> ExistingContainer:
    engine.allow_exec(spec.exec)
    engine.limits_ignored(spec.exec)

    def waiting(state: str) -> None:
        engine.notice(f"waiting for container {spec.exec} to run; now: {state}")

    state = Readiness(engine.runtime, spec.exec, stopped=stopped).appearing(waiting=waiting)
    closed = engine.strays.note(engine.runtime, state.id, spec.user)
    return ExistingContainer(engine.runtime, state.id, name=spec.exec, user=spec.user, closed=closed)
