"""Which place a step's commands get: the host, the run's container, an existing one, or one of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dagu.contracts.capability import Capability
from dagu.contracts.container import ContainerRequest, ImageInfo
from dagu.contracts.requirements import required_capabilities
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.specs import Refusal
from dagu.errors import PolicyRefused, Unsupported
from dagu.run.containers import RequestMaker, container_env, resolved
from dagu.run.plan import Target
from dagu.sandbox import labels
from dagu.sandbox.command import Command
from dagu.sandbox.host import HostPlace
from dagu.sandbox.images import Images
from dagu.sandbox.judge import exec_refusals, hardened, refusals
from dagu.sandbox.own import Janitor, OwnContainer
from dagu.sandbox.place import Place
from dagu.sandbox.policy import Policy
from dagu.sandbox.readiness import Readiness
from dagu.sandbox.shared import Keeping, RunContainer, SharedContainer
from dagu.workflow.model import ContainerSpec
from dagu.workflow.values.scope import Scope

Review = Callable[[ContainerRequest], Sequence[Refusal]]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a run needs to make containers; there is none in a run that stays on the host."""

    runtime: ContainerRuntime
    images: Images
    requests: RequestMaker
    janitor: Janitor
    review: Review
    policy: Policy
    run_id: str
    stopped: threading.Event
    notice: Callable[[str], None]

    def close(self) -> None:
        """Wait for what is being removed, then give the runtime back."""
        try:
            self.janitor.finish()
        finally:
            self.runtime.close()

    def request(
        self,
        spec: ContainerSpec,
        *,
        env: Mapping[str, str],
        step: str = "",
        attempt: int = 0,
        raw: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> ContainerRequest:
        """A request that the runtime is able to fulfil and that nobody refuses.

        Raises:
            Unsupported: The runtime lacks a capability.
            PolicyRefused: A reviewer says no.
        """
        marks = labels.for_run(self.run_id, step=step, attempt=attempt, keep=spec.keep_container)
        request = self.requests.make(spec, labels=marks, env=env)
        if raw:
            request = replace(
                request,
                raw_container=raw.get("container") or {},
                raw_host=raw.get("host") or {},
                raw_network=raw.get("network") or {},
            )
        request = hardened(self.policy, request)
        refused(f"container of image {request.image}", refusals(self.policy, request))
        self._check(request)
        refused(f"container of image {request.image}", self.review(request))
        return request

    def _check(self, request: ContainerRequest) -> None:
        info = self.runtime.check()
        lacking = {
            capability.value: field
            for capability, field in required_capabilities(request).items()
            if capability not in info.capabilities
        }
        if lacking:
            named = ", ".join(f"container.{field} ({name})" for name, field in lacking.items())
            raise Unsupported(
                f"the {info.name} runtime can't give what the workflow asks for: {named}",
                hint="leave the field out, or choose another runtime with DAGU_CONTAINER_RUNTIME",
            )

    def ready_image(self, spec: ContainerSpec) -> ImageInfo:
        """The image of a spec, by its pull policy."""
        return self.images.ensure(spec.image, policy=spec.pull_policy, platform=spec.platform)


def refused(what: str, found: Sequence[Refusal]) -> None:
    """Raise if anybody said no.

    Raises:
        PolicyRefused: With every reason and its rule.
    """
    if found:
        reasons = "; ".join(f"{refusal.reason} (rule {refusal.rule})" for refusal in found)
        raise PolicyRefused(f"{what} is not allowed: {reasons}")


def host_target(working_dir: str) -> Target:
    """The host."""
    return Target(kind="host", contained=False, open=lambda _commands: HostPlace(), working_dir=working_dir)


def run_container(engine: Engine, spec: ContainerSpec, scope: Scope) -> SharedContainer:
    """Make, or find, the container that the run's steps share.

    Raises:
        RuntimeFailure: It can't be had.
    """
    spec = resolved(spec, scope)
    env = container_env(spec, scope)
    if spec.exec:
        return _existing(engine, spec, env)
    request = engine.request(spec, env=env)
    engine.ready_image(spec)
    if spec.startup == "command":
        request = replace(request, command=spec.command)
    return _kept_alive(engine, request, spec, env)


def shared_target(container: SharedContainer, spec: ContainerSpec) -> Target:
    """The run's container, for one step."""
    return Target(
        kind=SharedContainer.kind,
        contained=True,
        shared=True,
        open=lambda _commands: container,
        shell=spec.shell or None,
        working_dir=spec.working_dir,
        env={},
    )


def step_target(
    engine: Engine,
    spec: ContainerSpec,
    scope: Scope,
    *,
    step: str,
    attempt: Callable[[], int],
    raw: Mapping[str, Mapping[str, Any]] | None = None,
) -> Target:
    """A container for one step: its own, or an existing one (exec mode).

    Args:
        attempt: The number of the attempt that runs now.
        raw: The engine's raw objects of ``docker.run``: ``container``, ``host``, ``network``.
    """
    spec = resolved(spec, scope)
    env = container_env(spec, scope)
    own = _Own(step=step, attempt=attempt, raw=raw or {})
    opener = partial(_open_step, engine, spec, env, own)
    return Target(
        kind=SharedContainer.kind if spec.exec else OwnContainer.kind,
        contained=True,
        open=opener,
        shell=spec.shell or None,
        working_dir=spec.working_dir,
        env=env,
    )


@dataclass(frozen=True, kw_only=True)
class _Own:
    step: str
    attempt: Callable[[], int]
    raw: Mapping[str, Mapping[str, Any]]


def _open_step(
    engine: Engine,
    spec: ContainerSpec,
    env: Mapping[str, str],
    own: _Own,
    commands: Sequence[Command],
) -> Place:
    if spec.exec:
        return _existing(engine, spec, env)
    request = engine.request(spec, env=env, step=own.step, attempt=own.attempt(), raw=own.raw)
    image = engine.ready_image(spec)
    if Capability.INIT in engine.runtime.check().capabilities and spec.init is None and not image.entrypoint:
        # Without one, a command that is process 1 ignores every signal that it has no handler for.
        request = replace(request, init=True)
    if len(commands) > 1:
        return _kept_alive(engine, request, spec, env)
    keep = spec.keep_container
    return OwnContainer(engine.runtime, request, env=env, discard=_leave if keep else engine.janitor.discard)


def _leave(_container: str) -> None:
    return None


def _kept_alive(
    engine: Engine, request: ContainerRequest, spec: ContainerSpec, env: Mapping[str, str]
) -> RunContainer:
    keeping = Keeping(
        startup=spec.startup,
        keep=spec.keep_container,
        wait_for=spec.wait_for,
        log_pattern=spec.log_pattern,
    )
    container = RunContainer(engine.runtime, request, keeping, env=env, stopped=engine.stopped)
    if container.fell_back:
        engine.notice(
            f"container.wait_for is healthy, but image {spec.image} has no health check; "
            "it counts as ready because it runs"
        )
    return container


def _existing(engine: Engine, spec: ContainerSpec, env: Mapping[str, str]) -> SharedContainer:
    refused(f"container {spec.exec}", exec_refusals(engine.policy, spec.exec))
    Readiness(engine.runtime, spec.exec, stopped=engine.stopped).running(may_appear=True)
    return SharedContainer(engine.runtime, spec.exec, env=env)
