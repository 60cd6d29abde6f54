"""From ``container:`` as written to the request that a runtime gets: references replaced, values checked again."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from dagu.contracts.container import ContainerRequest, Healthcheck, Mount, MountType, Port
from dagu.errors import DaguError, UsageError
from dagu.workflow import container_values as values
from dagu.workflow.model import ContainerSpec
from dagu.workflow.quantities import parse_cpus, parse_duration, parse_size
from dagu.workflow.values.resolve import Expand, resolve, resolve_value
from dagu.workflow.values.scope import Scope

_NAME = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_OWN = {"env", "volumes", "tmpfs"}


def resolved(spec: ContainerSpec, scope: Scope) -> ContainerSpec:
    """The spec with every reference replaced. ``env`` is left to :func:`container_env`."""
    changes = {
        field.name: resolve_value(getattr(spec, field.name), scope)
        for field in fields(spec)
        if field.name not in _OWN
    }
    return replace(
        spec,
        volumes=resolve_value(spec.volumes, scope),
        tmpfs=resolve_value(spec.tmpfs, scope),
        **changes,
    )


def container_env(spec: ContainerSpec, scope: Scope) -> dict[str, str]:
    """``container.env``, evaluated from the top down; an entry sees the earlier ones."""
    env: dict[str, str] = {}
    for entry in spec.env:
        env[entry.name] = resolve(entry.value, scope.layer(env=env), expand=Expand.SCOPE)
    return env


class RequestMaker:
    """Makes container requests for one run.

    Args:
        directory: What relative bind sources are relative to.
        environ: The process environment, for ``$NAME`` in the source of a volume.
        translate: From a path here to the same place on the engine's machine.
        cpus, memory: Limits of the workflow for every container that does not state its own.
    """

    def __init__(
        self,
        *,
        directory: Path,
        environ: Mapping[str, str],
        translate: Callable[[str], str],
        cpus: Any = None,
        memory: Any = None,
    ) -> None:
        self._directory = directory
        self._environ = environ
        self._translate = translate
        self._cpus = cpus
        self._memory = memory

    def make(
        self, spec: ContainerSpec, *, labels: Mapping[str, str], env: Mapping[str, str]
    ) -> ContainerRequest:
        """The request for a resolved spec, without command and entry point.

        Raises:
            UsageError: A value does not fit now that its references are replaced. All of them are named.
            RequestRefused: A bind source has no place on the engine's machine.
        """
        problems: list[str] = []

        def take(field: str, parse: Callable[[Any], Any], value: Any) -> Any:
            try:
                return parse(value)
            except ValueError as error:
                problems.append(f"container.{field}: {error}")
                return None

        def every(field: str, parse: Callable[[Any], Any], items: Any) -> tuple[Any, ...]:
            return tuple(take(f"{field}[{index}]", parse, item) for index, item in enumerate(items))

        volumes = (
            *every("volumes", self._volume, spec.volumes),
            *every("tmpfs", _tmpfs, spec.tmpfs),
        )
        ports = every("ports", values.parse_port, spec.ports)
        hosts = every("extra_hosts", values.parse_extra_host, spec.extra_hosts)
        cpus = self._cpus if spec.cpus is None else spec.cpus
        memory = self._memory if spec.memory is None else spec.memory
        limits: dict[str, Any] = {
            "cpus": None if cpus is None else take("cpus", parse_cpus, cpus),
            "memory": None if memory is None else take("memory", parse_size, memory),
            "shm_size": None if spec.shm_size is None else take("shm_size", parse_size, spec.shm_size),
            "pids_limit": None if spec.pids_limit is None else take("pids_limit", int, spec.pids_limit),
        }
        healthcheck = None
        if spec.healthcheck is not None:
            healthcheck = take("healthcheck", _healthcheck, spec.healthcheck)
        texts: dict[str, Any] = {
            "image": take("image", values.parse_image, spec.image),
            "platform": spec.platform and take("platform", values.parse_platform, spec.platform),
            "user": spec.user and take("user", values.parse_user, spec.user),
            "name": spec.name and take("name", values.parse_container_name, spec.name),
            "network": _network(spec.network, take),
        }
        if problems:
            raise UsageError("; ".join(problems))
        return ContainerRequest(
            **texts,
            **limits,
            env=env,
            working_dir=spec.working_dir,
            labels={**spec.labels, **labels},
            mounts=tuple(self._mount(volume) for volume in volumes),
            ports=tuple(
                Port(
                    container_port=port.container_port,
                    protocol=port.protocol,
                    host_ip=port.host_ip,
                    host_port=port.host_port,
                )
                for port in ports
            ),
            healthcheck=healthcheck,
            restart_policy=spec.restart_policy,
            gpus=str(spec.gpus or ""),
            devices=spec.devices,
            cap_add=spec.cap_add,
            cap_drop=spec.cap_drop,
            security_opt=spec.security_opt,
            privileged=spec.privileged,
            read_only=spec.read_only,
            extra_hosts=dict(hosts),
            dns=spec.dns,
            init=bool(spec.init),
        )

    def _volume(self, entry: Any) -> values.Volume:
        if isinstance(entry, Mapping):
            source = self._expanded(str(entry.get("source") or ""))
            return values.volume_from_mapping({**entry, "source": source})
        source, colon, rest = _split_source(str(entry))
        return values.parse_volume(self._expanded(source) + colon + rest)

    def _expanded(self, source: str) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1] or match[2]
            if name not in self._environ:
                raise ValueError(f"the source {source!r} uses {name}, which is not set in the environment")
            return self._environ[name]

        return _NAME.sub(value, source)

    def _mount(self, volume: values.Volume) -> Mount:
        source = volume.source
        if volume.kind == "bind":
            path = os.path.normpath(self._directory / os.path.expanduser(source))
            source = self._translate(path)
        return Mount(
            type=MountType(volume.kind),
            source=source,
            target=volume.target,
            read_only=volume.read_only,
            size=volume.size,
            mode=volume.mode,
        )


def _split_source(text: str) -> tuple[str, str, str]:
    # A colon inside ${NAME:-x} does not end the source; such operators are no part of volumes, and are refused
    # with the volume whole in the message.
    end = re.match(r"(?:\$\{[^}]*\}|[^:])*", text)
    source = end[0] if end else ""
    return source, text[len(source) : len(source) + 1], text[len(source) + 1 :]


def _tmpfs(entry: Any) -> values.Volume:
    if isinstance(entry, Mapping):
        return values.volume_from_mapping({**entry, "type": "tmpfs"})
    return values.parse_tmpfs(str(entry))


def _network(network: Any, take: Callable[..., Any]) -> str:
    if not network:
        return ""
    if isinstance(network, Mapping):
        raise DaguError(
            "container.network: an allowlist is not supported yet",
            hint="use network: none, or the name of a network that you made",
        )
    return str(take("network", values.parse_network, network) or "")


def _healthcheck(entry: Mapping[str, Any]) -> Healthcheck:
    test = entry.get("test") or ()
    words = ("CMD-SHELL", test) if isinstance(test, str) else tuple(str(word) for word in test)
    values.check_healthcheck_test(words)

    def seconds(key: str) -> float | None:
        return None if entry.get(key) is None else parse_duration(entry[key])

    return Healthcheck(
        test=words,
        interval=seconds("interval"),
        timeout=seconds("timeout"),
        start_period=seconds("start_period"),
        retries=None if entry.get("retries") is None else int(entry["retries"]),
    )
