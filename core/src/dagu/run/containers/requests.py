"""From a resolved ``container:`` to the request that a runtime gets, and what the container is given beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dagu.contracts.container import ContainerRequest, Healthcheck, Mount, MountType, Port
from dagu.errors import UsageError
from dagu.frozen import dataclass
from dagu.run.containers.volumes import volumes
from dagu.sandbox.outfit import Outfit
from dagu.sandbox.workspace import Carried
from dagu.workflow import container_values as values
from dagu.workflow.model import ContainerSpec
from dagu.workflow.quantities import parse_cpus, parse_duration, parse_size


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A container that a spec asks for."""

    request: ContainerRequest
    outfit: Outfit


class RequestMaker:
    """Makes container requests for one run.

    Args:
        directory: What relative bind sources are relative to.
        environ: The process environment, for ``$NAME`` in the source of a volume.
        translate: From a path here to the same place on the engine's machine; also an attribute.
        cpus, memory: Limits of the workflow for every container that does not state its own.
        secrets: Name to value of the workflow's secrets.
        notice: Told what a user should know.
    """

    def __init__(
        self,
        *,
        directory: Path,
        environ: Mapping[str, str],
        translate: Callable[[str], str],
        cpus: Any = None,
        memory: Any = None,
        secrets: Mapping[str, str],
        notice: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._environ = environ
        self.translate = translate
        self._cpus = cpus
        self._memory = memory
        self._secrets = secrets
        self._notice = notice

    def make(
        self, spec: ContainerSpec, *, labels: Mapping[str, str], env: Mapping[str, str], temporary: str
    ) -> Wanted:
        """What a resolved spec asks for, without command and entry point.

        Args:
            temporary: Where its commands put temporary files.

        Raises:
            UsageError: A value does not fit now that its references are replaced. All of them are named.
            RequestRefused: A bind source has no place on the engine's machine.
        """
        found = volumes(spec, self._environ)
        problems: list[str] = []
        fields = _values(spec, self._cpus, self._memory, problems)
        problems += self._secret_problems(spec)
        if problems:
            raise UsageError("; ".join(problems))
        copied = spec.workspace == "copy"
        carried = tuple(self._carried(volume) for volume in found if copied and volume.kind == "bind")
        mounts = tuple(self._mount(volume) for volume in found if not (copied and volume.kind == "bind"))
        outfit = Outfit(
            secrets={name: self._secrets[name] for name in spec.secrets},
            temporary=temporary,
            carried=carried,
            notice=self._notice,
        )
        request = ContainerRequest(
            **fields,
            image=spec.image,
            platform=spec.platform,
            user=spec.user,
            name=spec.name,
            env=env,
            working_dir=spec.working_dir,
            labels={**spec.labels, **labels},
            mounts=(*mounts, *outfit.mounts),
            restart_policy=spec.restart_policy,
            gpus=str(spec.gpus or ""),
            devices=spec.devices,
            cap_add=spec.cap_add,
            cap_drop=spec.cap_drop,
            security_opt=spec.security_opt,
            privileged=spec.privileged,
            read_only=spec.read_only,
            dns=spec.dns,
            init=bool(spec.init),
        )
        return Wanted(request=request, outfit=outfit)

    def _secret_problems(self, spec: ContainerSpec) -> Iterable[str]:
        for index, name in enumerate(spec.secrets):
            if name not in self._secrets:
                yield f"container.secrets[{index}]: no secret {name!r} is declared under `secrets`"
        if spec.secrets and spec.restart_policy not in ("", "no"):
            yield "container.secrets: they are held in memory, and would be gone after a restart (restart_policy)"

    def source(self, volume: values.Volume) -> str:
        """Where the source of a bind mount is on this machine, absolute."""
        source = volume.source
        home = self._environ.get("HOME", "")
        if home and (source == "~" or source.startswith("~/")):
            source = home + source[1:]
        return os.path.normpath(self._directory / os.path.expanduser(source))

    def _carried(self, volume: values.Volume) -> Carried:
        return Carried(source=Path(self.source(volume)), target=volume.target, read_only=volume.read_only)

    def _mount(self, volume: values.Volume) -> Mount:
        bind = volume.kind == "bind"
        return Mount(
            type=MountType(volume.kind),
            source=self.translate(self.source(volume)) if bind else volume.source,
            target=volume.target,
            read_only=volume.read_only,
            size=volume.size,
            mode=volume.mode,
        )


def _values(spec: ContainerSpec, cpus: Any, memory: Any, problems: list[str]) -> dict[str, Any]:
    """The fields of a request that have a small language of their own."""

    def take(field: str, parse: Callable[[Any], Any], value: Any) -> Any:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            problems.append(f"container.{field}: {error}")
            return None

    ports = [take(f"ports[{index}]", values.parse_port, text) for index, text in enumerate(spec.ports)]
    hosts = [
        take(f"extra_hosts[{index}]", values.parse_extra_host, text)
        for index, text in enumerate(spec.extra_hosts)
    ]
    return {
        "cpus": take("cpus", parse_cpus, cpus if spec.cpus is None else spec.cpus),
        "memory": take("memory", parse_size, memory if spec.memory is None else spec.memory),
        "shm_size": take("shm_size", parse_size, spec.shm_size),
        "pids_limit": take("pids_limit", int, spec.pids_limit),
        "healthcheck": take("healthcheck", _healthcheck, spec.healthcheck),
        "network": _network(spec.network, take),
        "extra_hosts": dict(pair for pair in hosts if pair),
        "ports": tuple(
            Port(
                container_port=port.container_port,
                protocol=port.protocol,
                host_ip=port.host_ip,
                host_port=port.host_port,
            )
            for port in ports
            if port
        ),
    }


def _network(network: Any, take: Callable[..., Any]) -> str:
    if not network:
        return ""
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
