"""The life of containers: create, attach, start, inspect, find, remove."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dagu.contracts.container import ContainerRequest, ContainerState
from dagu.contracts.streams import Streams
from dagu.errors import ContainerNotFound, ImageNotFound, RequestRefused
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.engine import Engine
from dagu_docker_runtime.errors import Refused, command_failure, container_failure, name_failure
from dagu_docker_runtime.facts import Facts
from dagu_docker_runtime.inspection import inspect
from dagu_docker_runtime.request import create_body
from dagu_docker_runtime.state import container_state
from dagu_docker_runtime.stops import Stops
from dagu_docker_runtime.streams import StreamPump
from dagu_docker_runtime.waits import Waits

_log = logging.getLogger(__name__)


class Containers:
    """Containers of one engine."""

    def __init__(self, client: Client, engine: Engine, waits: Waits, stops: Stops, facts: Facts) -> None:
        self._client, self._engine, self._waits, self._stops = client, engine, waits, stops
        self._facts = facts

    def create(self, request: ContainerRequest) -> str:
        self._engine.require_for(request)
        with self._client.call("create a container") as api:
            version = api.api_version
        body = create_body(request, api_version=version, log_drivers=self._engine.log_drivers)
        if request.command == ():
            body |= self._without_command(request)
        doing = f"create a container from {request.image}"
        try:
            with self._client.call(doing) as api:
                made = api.create_container_from_config(  # type: ignore[no-untyped-call]
                    body, request.name or None, request.platform or None
                )
        except Refused as error:
            if error.status == 404 and "image" in error.said.lower():
                raise ImageNotFound(
                    f"the image {request.image} is not on the engine: {error.said}",
                    hint=f"pull it (`docker pull {request.image}`), or allow it with pull_policy",
                ) from error
            raise name_failure(error, "container", request.name) if request.name else error from error
        container = str(made["Id"])
        dropped = [text for text in made.get("Warnings") or () if "discarded" in text.lower()]
        if dropped:
            self.remove(container)
            raise RequestRefused(
                f"Docker would not honour the container from {request.image}: {' '.join(dropped)}",
                hint="leave the field out, or use an engine whose kernel can do it",
            )
        for text in made.get("Warnings") or ():
            _log.info("Docker on creating a container from %s: %s", request.image, text)
        host = body["HostConfig"]
        self._facts.created(container)
        self._waits.expect(
            container,
            request.name,
            vanishing=bool(host.get("AutoRemove")),
            restarted=(host.get("RestartPolicy") or {}).get("Name") not in (None, "", "no"),
            memory_limited=bool(host.get("Memory")),
        )
        return container

    def _without_command(self, request: ContainerRequest) -> dict[str, Any]:
        """An empty command: the engine would take the image's, unless the entry point is given."""
        if request.entrypoint:
            return {}
        image = None
        if request.entrypoint is None:
            with self._client.call(f"inspect the image {request.image}") as api:
                image = api.inspect_image(request.image)  # type: ignore[no-untyped-call]
        entrypoint = ((image or {}).get("Config") or {}).get("Entrypoint")
        if not entrypoint:
            raise RequestRefused(
                f"the container from {request.image} has neither an entry point nor a command",
                hint="give a command",
            )
        return {"Entrypoint": entrypoint}

    def attach(self, container: str, streams: Streams) -> StreamPump:
        config = self._facts.of(container)["Config"]
        if streams.stdin is not None and not config["OpenStdin"]:
            raise RequestRefused(
                f"the container {container} was created without standard input",
                hint="create it with standard input to send something to it",
            )
        query = {"stream": "1", "stdout": "1", "stderr": "1"}
        if streams.stdin is not None:
            query["stdin"] = "1"
        try:
            raw = self._client.open_stream(
                f"attach to the container {container}",
                "POST",
                f"/containers/{container}/attach",
                query,
                upgrade=True,
            )
        except Refused as error:
            raise container_failure(error, container) from error
        return StreamPump(raw, streams, terminal=bool(config["Tty"]), name=f"container {container[:12]}")

    def start(self, container: str) -> None:
        self._waits.starting(container)
        try:
            with self._client.call(f"start the container {container}") as api:
                api.start(container)
        except Refused as error:
            self._waits.not_started(container)
            raise command_failure(error.said, f"the container {container[:12]}") or container_failure(
                error, container
            ) from error

    def inspect(self, container: str) -> ContainerState:
        told = inspect(self._client, container)
        return container_state(told, self._gateways(told))

    def find(self, labels: Mapping[str, str]) -> Sequence[ContainerState]:
        with self._client.call("list containers") as api:
            found = api.containers(all=True, filters={"label": label_filters(labels)} if labels else None)
        states = []
        for summary in found:
            try:
                states.append(self.inspect(summary["Id"]))
            except ContainerNotFound:
                continue  # it went between the two questions
        return states

    def remove(self, container: str) -> None:
        doing = f"remove the container {container}"
        try:
            with self._client.call(doing) as api:
                api.remove_container(container, v=True, force=True)
        except Refused as error:
            if error.status == 409 and "in progress" in error.said:
                self._stops.until_removed(container)
            elif error.status != 404:
                raise
        self._waits.removed(container)
        self._facts.removed(container)

    def _gateways(self, told: Mapping[str, Any]) -> dict[str, str]:
        gateways = {}
        for name, endpoint in (told["NetworkSettings"].get("Networks") or {}).items():
            gateway = endpoint.get("Gateway") or ""
            if not gateway and endpoint.get("IPAddress"):
                gateway = self._internal_gateway(endpoint.get("NetworkID") or name)
            if gateway:
                gateways[name] = gateway
        return gateways

    def _internal_gateway(self, network: str) -> str:
        """An internal network routes nowhere, so its endpoints name no gateway; the bridge still has an address."""
        try:
            with self._client.call(f"inspect the network {network}") as api:
                pools = (api.inspect_network(network).get("IPAM") or {}).get("Config") or ()
        except Refused as error:
            if error.status == 404:
                return ""
            raise
        return next((str(pool["Gateway"]).partition("/")[0] for pool in pools if pool.get("Gateway")), "")


def label_filters(labels: Mapping[str, str]) -> list[str]:
    """The engine's filter: every label has to match; one without a value matches any."""
    return [f"{name}={value}" if value else name for name, value in labels.items()]
