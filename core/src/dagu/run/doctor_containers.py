"""Trying a workflow's containers: a throwaway one of each, with its mounts, user and network, asked a few things."""

from __future__ import annotations

import shlex
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dagu.contracts.container import ContainerRequest, MountType
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.streams import Streams
from dagu.errors import CommandNotFound, DaguError
from dagu.plugins import Plugins
from dagu.run.containers.requests import RequestMaker
from dagu.run.containers.spec import container_env, open_ended, resolved
from dagu.run.doctor import OK, PROBLEM, WARNING, Row, binaries, install
from dagu.sandbox import labels, scratch
from dagu.sandbox.judge import hardened, refusals
from dagu.sandbox.paths import HostPaths
from dagu.sandbox.policy import policy_from_environment
from dagu.sandbox.registry import registry_host
from dagu.workflow.model import ContainerSpec, Step, Workflow
from dagu.workflow.values.scope import Scope

_CONNECT_LIMIT = 3.0
"""Seconds that a registry may take to accept a connection."""
_HUB = "registry-1.docker.io"


class ContainerTrials:
    """Tries the containers of one workflow."""

    def __init__(
        self,
        runtime: ContainerRuntime,
        workflow: Workflow,
        *,
        environ: Mapping[str, str],
        plugins: Plugins,
        directory: Path,
    ) -> None:
        self._runtime = runtime
        self._workflow = workflow
        self._plugins = plugins
        self._policy = policy_from_environment(environ)
        self._requests = RequestMaker(
            directory=directory,
            environ=environ,
            translate=HostPaths(runtime).translate,
            secrets={},
            notice=lambda _text: None,
        )

    def examine(self, authored: ContainerSpec, steps: Sequence[Step]) -> Iterator[Row]:
        """All that can be told of a container before it is made."""
        spec = replace(resolved(authored, Scope(), final=False), secrets=())
        what = spec.exec or spec.image
        if open_ended(spec):
            detail = f"{what}: its values are known when the run starts"
            yield Row(check="container", state=WARNING, detail=detail)
            return
        try:
            if spec.exec:
                yield self._existing(spec)
                return
            yield from self._new(spec, authored, steps)
        except DaguError as error:
            yield Row(check="container", state=PROBLEM, detail=f"{what}: {error.message}", remedy=error.hint)

    def _existing(self, spec: ContainerSpec) -> Row:
        state = self._runtime.inspect(spec.exec)
        detail = f"{spec.exec} is {state.status.value}"
        if state.running:
            return Row(check="container", state=OK, detail=detail)
        return Row(check="container", state=WARNING, detail=detail, remedy=f"start {spec.exec}")

    def _new(self, spec: ContainerSpec, authored: ContainerSpec, steps: Sequence[Step]) -> Iterator[Row]:
        network = "none" if isinstance(spec.network, Mapping) else spec.network
        wanted = self._requests.make(
            replace(spec, network=network),
            labels=labels.for_run("doctor"),
            env=container_env(authored, Scope()),
            temporary=scratch.USUAL,
        )
        request = hardened(self._policy, wanted.request)
        found = refusals(self._policy, request)
        if found:
            reasons = "; ".join(f"{refusal.reason} (rule {refusal.rule})" for refusal in found)
            yield Row(
                check="policy", state=PROBLEM, detail=f"{spec.image}: {reasons}", remedy="ask the operator"
            )
            return
        if self._runtime.find_image(spec.image, platform=spec.platform) is None:
            yield _absent(spec)
            return
        yield Row(check="image", state=OK, detail=f"{spec.image} is on the engine")
        yield from self._tried(spec, request, steps)

    def _tried(self, spec: ContainerSpec, request: ContainerRequest, steps: Sequence[Step]) -> Iterator[Row]:
        wanted = {
            binary: name
            for step in steps
            if step.action == "harness.run"
            for name, binary in binaries(self._workflow, step, self._plugins)
        }
        writable = [
            mount.target
            for mount in request.mounts
            if mount.type is not MountType.TMPFS and not mount.read_only
        ]
        try:
            said = self._ask(request, _questions(wanted, writable))
        except CommandNotFound:
            yield Row(
                check="shell",
                state=WARNING,
                detail=f"{spec.image} has no /bin/sh: `run` steps and this trial need one",
                remedy="use an image with a shell, or `action: exec`",
            )
            return
        for binary, name in wanted.items():
            if f"binary {binary} yes" in said:
                yield Row(check="agent", state=OK, detail=f"{spec.image} has {binary}")
            else:
                remedy = install(name, self._plugins)
                yield Row(
                    check="agent",
                    state=PROBLEM,
                    detail=f"{binary}, the program of {name}, is not in image {spec.image}",
                    remedy=f"install it in the image: {remedy}"
                    if remedy
                    else f"install {binary} in the image",
                )
        user = next((line.removeprefix("user ") for line in said if line.startswith("user ")), "?")
        for target in writable:
            if f"writable {target} yes" in said:
                yield Row(check="workspace", state=OK, detail=f"{target} is writable for user {user}")
            else:
                yield Row(
                    check="workspace",
                    state=PROBLEM,
                    detail=f"{target} is not writable for user {user} of {spec.image}: permission denied",
                    remedy=_ownership(request, target, user),
                )
        yield _network(spec, said)

    def _ask(self, request: ContainerRequest, script: str) -> list[str]:
        """What a throwaway container prints. It publishes no port, takes no name, and is removed."""
        container = self._runtime.create(
            replace(
                request,
                name="",
                ports=(),
                healthcheck=None,
                restart_policy="",
                entrypoint=(),
                command=("/bin/sh", "-c", script),
            )
        )
        said: list[bytes] = []
        try:
            attachment = self._runtime.attach(container, Streams(stdout=said.append))
            try:
                self._runtime.start(container)
                self._runtime.wait(container)
                attachment.join()
            finally:
                attachment.close()
        finally:
            self._runtime.remove(container)
        return b"".join(said).decode(errors="replace").splitlines()


def _questions(wanted: Mapping[str, str], writable: Sequence[str]) -> str:
    lines = ['echo "user $(id -u):$(id -g)"']
    for binary in wanted:
        word = shlex.quote(binary)
        lines.append(f"command -v {word} >/dev/null 2>&1 && echo binary {word} yes")
    for target in writable:
        word = shlex.quote(target)
        lines.append(f"[ -w {word} ] && echo writable {word} yes")
    # The default route has destination 0 (proc(5), /proc/net/route).
    lines.append('while read -r _ to _; do [ "$to" = 00000000 ] && echo route yes; done </proc/net/route')
    return "\n".join(lines)


def _absent(spec: ContainerSpec) -> Row:
    if spec.pull_policy == "never":
        return Row(
            check="image",
            state=PROBLEM,
            detail=f"{spec.image} is not on the engine, and pull_policy is never",
            remedy="pull it beforehand, or set pull_policy: missing",
        )
    host = registry_host(spec.image)
    name, _, port = (host if host != "docker.io" else _HUB).partition(":")
    try:
        socket.create_connection((name, int(port or 443)), timeout=_CONNECT_LIMIT).close()
    except OSError as error:
        return Row(
            check="image",
            state=PROBLEM,
            detail=f"{spec.image} is not on the engine, and registry {host} can't be reached from here: {error}",
            remedy="check the network, or bring the image to the engine and set pull_policy: never",
        )
    detail = f"{spec.image} is not on the engine; it will be pulled from {host}, which answers"
    return Row(check="image", state=WARNING, detail=detail, remedy="pull it beforehand to save the time")


def _ownership(request: ContainerRequest, target: str, user: str) -> str:
    source = next((mount.source for mount in request.mounts if mount.target == target), target)
    try:
        owner = Path(source).stat()
    except OSError:
        return f"give user {user} write access to {source}, or set container.user"
    return (
        f"{source} belongs to {owner.st_uid}:{owner.st_gid} with mode {owner.st_mode & 0o7777:o}: "
        f"set container.user to {owner.st_uid}:{owner.st_gid}, or chown it to {user}"
    )


def _network(spec: ContainerSpec, said: Sequence[str]) -> Row:
    if isinstance(spec.network, Mapping):
        return Row(check="network", state=OK, detail=f"{spec.image} reaches the hosts of its allowlist only")
    if "route yes" in said:
        return Row(check="network", state=OK, detail=f"containers of {spec.image} have a way out")
    return Row(
        check="network",
        state=WARNING,
        detail=f"containers of {spec.image} have no network access (network: {spec.network or 'the default'})",
        remedy="set container.network to bridge if the steps need the network",
    )
