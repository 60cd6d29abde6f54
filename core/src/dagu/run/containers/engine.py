"""The container engine of a run: opened when something of the workflow needs a container, asked before it starts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from pathlib import Path

from dagu.contracts.container import EMPTY, ContainerRequest, ImageInfo
from dagu.contracts.requirements import required_capabilities
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.specs import Refusal
from dagu.errors import PolicyRefused, RuntimeFailure, Unsupported
from dagu.frozen import dataclass
from dagu.run import lifeline
from dagu.run.containers import tied
from dagu.run.containers.egress import Hosts, allowed_hosts
from dagu.run.containers.raw import Raw, covered, with_raw
from dagu.run.containers.requests import RequestMaker, Wanted
from dagu.run.containers.spec import open_ended, resolved
from dagu.run.containers.symptoms import Surroundings
from dagu.run.containers.volumes import volumes
from dagu.run.context import Providers
from dagu.run.needs import all_steps, steps_in
from dagu.run.points import reach
from dagu.run.records.recorder import Recorder
from dagu.run.recovery.claims import RunClaims
from dagu.run.recovery.resume import Interrupted, found_again
from dagu.sandbox import labels, scratch
from dagu.sandbox.egress import Gates
from dagu.sandbox.guardian import end_orphans
from dagu.sandbox.images import Images
from dagu.sandbox.judge import exec_refusals, hardened, refusals
from dagu.sandbox.outfit import Outfit
from dagu.sandbox.own import Janitor
from dagu.sandbox.paths import HostPaths
from dagu.sandbox.policy import Policy, policy_from_environment
from dagu.sandbox.reaper import Leftover, leftovers, own_runner, reap
from dagu.sandbox.registry import Credentials
from dagu.sandbox.stopping import Stop
from dagu.sandbox.strays import Strays
from dagu.sandbox.taken import Taken
from dagu.workflow.model import ContainerSpec, Workflow
from dagu.workflow.values.resolve import resolve, resolve_value
from dagu.workflow.values.scope import Scope

Review = Callable[[ContainerRequest], Sequence[Refusal]]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What a run needs to make containers; there is none in a run that stays on the host.

    Attributes:
        tied: Containers end with this process, however it ends.
    """

    runtime: ContainerRuntime
    images: Images
    requests: RequestMaker
    janitor: Janitor
    review: Review
    policy: Policy
    gates: Gates
    strays: Strays
    marks: Callable[..., Mapping[str, str]]
    environ: Mapping[str, str] = field(repr=False)
    notice: Callable[[str], None]
    limited: bool = False
    tied: bool = False
    taken: dict[str, Interrupted] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)

    def close(self) -> None:
        """Wait for what is being removed, close the networks that it was on, then give the runtime back."""
        with contextlib.ExitStack() as stack:
            stack.callback(self.runtime.close)
            stack.callback(self.gates.close)
            for left in self.taken.values():
                self.janitor.discard(Taken(left.facts.container))
            self.janitor.finish()

    def wanted(
        self,
        spec: ContainerSpec,
        *,
        env: Mapping[str, str],
        step: str = "",
        attempt: int = 0,
        raw: Raw | None = None,
        egress: Hosts = None,
    ) -> Wanted:
        """The container of a resolved spec, which the runtime is able to make and nobody refuses.

        Args:
            egress: The hosts that its network lets through, where it has an allowlist.

        Raises:
            Unsupported: The runtime lacks a capability.
            PolicyRefused: A reviewer says no.
        """
        marks = self.marks(step=step, attempt=attempt, keep=spec.keep_container)
        wanted = self.requests.make(spec, labels=marks, env=env, temporary=self.temporary(spec, raw))
        request = wanted.request
        if raw:
            request = with_raw(request, raw, translate=self.requests.translate)
        request = hardened(self.policy, request)
        what = f"container of image {spec.image}"
        refused(what, refusals(self.policy, request, egress=egress))
        self._check(request, wanted.outfit)
        if self.tied:
            tied.check(spec, request, self.runtime.check())
        refused(what, self.review(request))
        return replace(wanted, request=request)

    def temporary(self, spec: ContainerSpec, raw: Raw | None = None) -> str:
        """Where commands of a container put temporary files.

        Raises:
            UsageError: A volume of it can't be read.
        """
        targets, read_only = covered(raw or {})
        targets += [volume.target for volume in volumes(spec, self.environ)]
        return scratch.temporary(targets, read_only=read_only or spec.read_only or self.policy.harden)

    def surroundings(self, spec: ContainerSpec) -> Surroundings:
        """What a container is given, as far as a command may complain of it."""
        binds = [volume for volume in volumes(spec, self.environ) if volume.kind == "bind"]
        return Surroundings(
            user=spec.user,
            network=spec.network,
            read_only=spec.read_only or self.policy.harden,
            working_dir=spec.working_dir,
            mounts=tuple((self.requests.source(volume), volume) for volume in binds),
        )

    def allow_exec(self, container: str) -> None:
        """See to it that commands may be executed in an existing container.

        Raises:
            PolicyRefused: The operator does not allow it.
            Unsupported: They could outlive this process, and must not.
        """
        refused(f"container {container}", exec_refusals(self.policy, container))
        if self.tied:
            tied.check_exec(container)

    def _check(self, request: ContainerRequest, outfit: Outfit) -> None:
        info = self.runtime.check()
        needed = {**required_capabilities(request), **outfit.capabilities}
        lacking = {
            capability.value: name
            for capability, name in needed.items()
            if capability not in info.capabilities
        }
        if lacking:
            named = ", ".join(f"container.{name} ({capability})" for capability, name in lacking.items())
            raise Unsupported(
                f"the {info.name} runtime can't give what the workflow asks for: {named}",
                hint="leave the field out, or choose another runtime with DAGU_CONTAINER_RUNTIME",
            )

    def ready_image(self, spec: ContainerSpec, stopped: Stop) -> ImageInfo:
        """The image of a spec, by its pull policy."""
        return self.images.ensure(
            spec.image, policy=spec.pull_policy, platform=spec.platform, stopped=stopped
        )

    def limits_ignored(self, container: str) -> None:
        """Tell, once for each container, that the workflow's limits say nothing to one that exists already."""
        if self.limited and container not in self._told:
            self._told.add(container)
            self.notice(f"resources.limits are ignored for container {container}, which exists already")


def refused(what: str, found: Sequence[Refusal]) -> None:
    """Raise if anybody said no.

    Raises:
        PolicyRefused: With every reason and its rule.
    """
    if found:
        reasons = "; ".join(f"{refusal.reason} (rule {refusal.rule})" for refusal in found)
        raise PolicyRefused(f"{what} is not allowed: {reasons}")


def open_engine(
    make_runtime: Callable[[], ContainerRuntime],
    workflow: Workflow,
    *,
    scope: Scope,
    env: Mapping[str, str],
    directory: Path,
    environ: Mapping[str, str],
    run_id: str,
    home: Path,
    recorder: Recorder,
    review: Review,
    interrupted: Mapping[str, Interrupted] = EMPTY,
) -> Engine:
    """Reach the engine and clear away what dead runs left on it.

    Args:
        env: What commands in containers get; the secrets are among it.
        directory: What relative bind sources are relative to.
        home: Where the run is kept.
        interrupted: Attempts of this run that an earlier runner began.

    Raises:
        RuntimeFailure: The engine can't be reached; the message tells where, and what to do.
        UsageError: The credentials of the workflow can't be read, or a volume names a variable that is not set.
    """
    for spec in _specs(workflow):
        volumes(resolved(spec, scope, final=False), environ, final=False)
    credentials = Credentials(
        resolve_value(workflow.registry_auths, scope)
        if not isinstance(workflow.registry_auths, str)
        else resolve(workflow.registry_auths, scope),
        environ.get("DOCKER_AUTH_CONFIG", ""),
    )
    recorder.masker.add(credentials.secrets())
    runtime = make_runtime()
    try:
        for warning in runtime.check().warnings:
            recorder.notice(warning)
        reach("engine-reached")
        strays = Strays(home)
        taken = found_again(runtime, run_id, interrupted, recorder.masker, recorder.notice)
        spared = {one.facts.container for one in taken.values()}
        _reap(runtime, recorder, claims=RunClaims(run_id, str(home)), spared=spared)
        for told in strays.end(runtime):
            recorder.notice(told)
        reach("leftovers-removed")
        marks = partial(labels.for_run, run_id, home=str(home), runner=own_runner(runtime))
    except BaseException:
        runtime.close()
        raise
    return Engine(
        runtime=runtime,
        images=Images(runtime, auth_for=credentials.for_image, on_pull=recorder.pull, notice=recorder.notice),
        requests=RequestMaker(
            directory=directory,
            environ=environ,
            translate=HostPaths(runtime).translate,
            cpus=workflow.cpu_limit,
            memory=workflow.memory_limit,
            secrets={secret.name: env[secret.name] for secret in workflow.secrets if secret.name in env},
            notice=recorder.notice,
        ),
        janitor=Janitor(runtime, failed=lambda container, error: _left(recorder, container, error)),
        review=review,
        policy=policy_from_environment(environ),
        gates=Gates(runtime, marks()),
        strays=strays,
        marks=marks,
        environ=environ,
        notice=recorder.notice,
        tied=environ.get(lifeline.VARIABLE) == lifeline.CONTAINERS,
        limited=workflow.cpu_limit is not None or workflow.memory_limit is not None,
        taken=taken,
    )


def preflight(engine: Engine, workflow: Workflow, scope: Scope, providers: Providers) -> None:
    """Refuse what the runtime can't give, or nobody allows, before anything starts.

    Containers whose values are not known yet are checked when their step starts.

    Raises:
        DaguError: The first container that can't be had so.
    """
    for spec in _specs(workflow):
        ready = resolved(spec, scope, final=False)
        if engine.tied and ready.exec:
            tied.check_exec(ready.exec)
        if ready.exec or open_ended(ready):
            continue
        steps = steps_in(workflow, spec)
        hosts = allowed_hosts(ready, steps, workflow=workflow, providers=providers, scope=scope)
        if hosts is not None:
            ready = replace(ready, network=engine.gates.planned(hosts))
        engine.wanted(ready, env={}, egress=hosts)


def _specs(workflow: Workflow) -> Iterable[ContainerSpec]:
    specs = [workflow.container, *(step.container for step in all_steps(workflow))]
    return {id(spec): spec for spec in specs if spec is not None}.values()


def _reap(
    runtime: ContainerRuntime, recorder: Recorder, *, claims: RunClaims, spared: Collection[str]
) -> None:
    def failed(thing: Leftover, error: RuntimeFailure) -> None:
        recorder.notice(f"{thing.kind} {thing.name} of a dead run can't be removed: {error.message}")

    if count := end_orphans():
        recorder.notice(f"ended {count} processes of dead runs")
    with contextlib.suppress(RuntimeFailure):  # the run itself will say what is wrong with the engine
        for thing in reap(runtime, leftovers(runtime, spared=spared), failed=failed, claims=claims):
            recorder.notice(f"removed {thing.kind} {thing.name[:12]}, left by run {thing.run}")


def _left(recorder: Recorder, container: str, error: Exception) -> None:
    recorder.notice(f"container {container[:12]} could not be removed: {error}")
