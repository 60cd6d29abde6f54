"""Pulls from a real registry that wants a password."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.errors import ImageNotFound as NoSuchImage

from dagu.contracts.runtime import ContainerRuntime, PullProgress, RegistryAuth
from dagu.errors import ImageNotFound, PullFailed
from dagu_docker_runtime.plugin import make_runtime

from .conftest import Registry, sdk

pytestmark = [pytest.mark.engine, pytest.mark.docker]


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[ContainerRuntime]:
    """A runtime whose config file knows no registry."""
    with make_runtime({**os.environ, "DOCKER_CONFIG": str(tmp_path)}) as runtime:
        yield runtime


@pytest.fixture
def absent(registry: Registry) -> str:
    """An image that is in the registry and not on the engine."""
    with contextlib.suppress(NoSuchImage):
        sdk().remove_image(registry.image)
    return registry.image


def test_with_credentials(stranger: ContainerRuntime, registry: Registry, absent: str) -> None:
    seen: list[PullProgress] = []
    auth = RegistryAuth(registry=registry.address, username=registry.username, password=registry.password)
    stranger.pull(absent, auth=auth, on_progress=seen.append)
    found = stranger.find_image(absent)
    assert found is not None
    assert found.digests[0].startswith(absent.rpartition(":")[0] + "@sha256:")
    assert seen[-1].layers_done == seen[-1].layers_total == 1
    assert seen[-1].bytes_done == seen[-1].bytes_total > 3_000_000
    assert {progress.image for progress in seen} == {absent}
    stranger.pull(absent.rpartition(":")[0] + "@" + found.digests[0].partition("@")[2], auth=auth)


def test_with_the_config_file(registry: Registry, absent: str) -> None:
    with make_runtime({**os.environ, "DOCKER_CONFIG": str(registry.config)}) as runtime:
        runtime.pull(absent)
        assert runtime.find_image(absent) is not None


def test_with_a_credential_helper(
    registry: Registry, absent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-kit"
    answer = json.dumps({"ServerURL": "x", "Username": registry.username, "Secret": registry.password})
    helper.write_text(f"#!/bin/sh\ncat >/dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {registry.address: "kit"}}))
    with make_runtime({**os.environ, "DOCKER_CONFIG": str(tmp_path)}) as runtime:
        runtime.pull(absent)
        assert runtime.find_image(absent) is not None


@pytest.mark.filterwarnings("ignore:docker-credential")
def test_a_missing_credential_helper(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"credHelpers": {registry.address: "no-such-helper"}}))
    environ = {**os.environ, "DOCKER_CONFIG": str(tmp_path)}
    with (
        make_runtime(environ) as runtime,
        pytest.raises(PullFailed, match="docker-credential-no-such-helper") as raised,
    ):
        runtime.pull(registry.image)
    assert "docker login" in raised.value.hint


@pytest.mark.parametrize("password", ["", "wrong-4711"])
def test_without_the_right_credentials(stranger: ContainerRuntime, registry: Registry, password: str) -> None:
    auth = RegistryAuth(registry=registry.address, username="dagu", password=password) if password else None
    with pytest.raises(PullFailed, match="refused to give") as raised:
        stranger.pull(registry.image, auth=auth)
    assert "registry_auths" in raised.value.hint
    assert "wrong-4711" not in str(raised.value)


def test_what_the_registry_has_not(registry: Registry) -> None:
    with make_runtime({**os.environ, "DOCKER_CONFIG": str(registry.config)}) as runtime:
        for reference in (f"{registry.address}/nothing:1", registry.image.rpartition(":")[0] + ":nope"):
            with pytest.raises(ImageNotFound, match="the registry has no"):
                runtime.pull(reference)


def test_another_platform(registry: Registry) -> None:
    environ = {**os.environ, "DOCKER_CONFIG": str(registry.config)}
    with make_runtime(environ) as runtime, pytest.raises(ImageNotFound, match="not for linux/s390x"):
        runtime.pull(registry.image, platform="linux/s390x")


def test_what_is_no_image_name(docker: ContainerRuntime) -> None:
    with pytest.raises(PullFailed, match="Not:AN:image") as raised:
        docker.pull("Not:AN:image")
    assert "name" in raised.value.hint
