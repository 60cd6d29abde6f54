"""Files in and out of containers as tar streams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, BinaryIO

from dagu.contracts.layers import surely_absent
from dagu.contracts.streams import BLOCK, Sink
from dagu.errors import ContainerNotFound, RequestRefused
from dagu_docker_runtime.client import Client
from dagu_docker_runtime.errors import Refused, container_failure
from dagu_docker_runtime.facts import Facts


class Archives:
    """Archives of one engine's containers."""

    def __init__(self, client: Client, facts: Facts) -> None:
        self._client = client
        self._facts = facts

    def put(self, container: str, path: str, archive: BinaryIO) -> None:
        _refuse_tmpfs(self._facts.of(container), container, path)
        source = _Blocks(archive)
        try:
            with self._client.call(f"unpack an archive at {path} in the container {container}") as api:
                api.put_archive(container, path, source)
        except Refused as error:
            raise container_failure(error, container) from error
        finally:
            if source.error is not None:
                raise source.error

    def get(self, container: str, path: str, sink: Sink) -> None:
        told = self._facts.of(container)
        _refuse_tmpfs(told, container, path)
        if surely_absent(path, told.get("GraphDriver") or {}, _mounted(told)):
            raise FileNotFoundError(f"{path} is not in the container {container}")
        doing = f"read {path} of the container {container}"
        try:
            with self._client.call(doing) as api:
                blocks, _ = api.get_archive(container, path, chunk_size=BLOCK)
        except Refused as error:
            failure = container_failure(error, container)
            if error.status == 404 and not isinstance(failure, ContainerNotFound):
                raise FileNotFoundError(f"{path} is not in the container {container}") from error
            raise failure from error
        for block in self._client.each(doing, blocks):
            sink(block)


def _refuse_tmpfs(told: Mapping[str, Any], container: str, path: str) -> None:
    """The engine would read and write below the tmpfs, where no process of the container sees it."""
    for target in _tmpfs(told):
        if PurePosixPath(path).is_relative_to(target):
            raise RequestRefused(
                f"Docker can't copy files to or from {path}: {target} is a tmpfs of the container {container}",
                hint="use a directory that is no tmpfs",
            )


def _mounted(told: Mapping[str, Any]) -> list[str]:
    return [*(mount["Destination"] for mount in told.get("Mounts") or ()), *_tmpfs(told)]


def _tmpfs(told: Mapping[str, Any]) -> list[str]:
    mounts = [mount["Destination"] for mount in told.get("Mounts") or () if mount["Type"] == "tmpfs"]
    return [*mounts, *(told["HostConfig"].get("Tmpfs") or ())]


class _Blocks:
    """The blocks of a file, which remembers its own error: HTTP would call it one of the connection."""

    def __init__(self, archive: BinaryIO) -> None:
        self._archive = archive
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            while block := self._archive.read(BLOCK):
                yield block
        except Exception as error:
            self.error = error
            raise
