"""Pulls from a real registry on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagu.contracts.runtime import ContainerRuntime, PullProgress, RegistryAuth
from dagu.errors import ImageNotFound, PullFailed, RuntimeFailure
from dagu_podman_runtime.connection import Connection, path_name
from dagu_podman_runtime.plugin import make_runtime

from .conftest import Registry, environment, rootful_host, rootless_host

pytestmark = [pytest.mark.engine, pytest.mark.podman]

Open = Callable[..., ContainerRuntime]


@pytest.fixture(params=["rootful", "rootless"])
def host(request: pytest.FixtureRequest) -> str:
    return rootful_host() if request.param == "rootful" else rootless_host()


@pytest.fixture
def opened(host: str, registry: Registry, tmp_path: Path) -> Iterator[Open]:
    """Makes runtimes that know no credentials but those they are given, on an engine without the image."""
    engine = Connection(environment(host))
    made: list[ContainerRuntime] = []

    def open_(**more: str) -> ContainerRuntime:
        runtime = make_runtime(
            environment(host, HOME=str(tmp_path), REGISTRY_AUTH_FILE="", XDG_RUNTIME_DIR="", **more)
        )
        made.append(runtime)
        return runtime

    def forget() -> None:
        try:
            engine.call("DELETE", f"/images/{path_name(registry.image)}", params={"force": True})
        except RuntimeFailure:
            return

    forget()
    yield open_
    forget()
    for runtime in made:
        runtime.close()
    engine.close()


def test_credentials_that_are_given(opened: Open, registry: Registry) -> None:
    auth = RegistryAuth(registry=registry.address, username=registry.username, password=registry.password)
    seen: list[PullProgress] = []
    runtime = opened()
    runtime.pull(registry.image, auth=auth, on_progress=seen.append)
    image = runtime.find_image(registry.image)
    assert image is not None
    assert image.size > 3_000_000
    assert {progress.image for progress in seen} == {registry.image}
    assert any("Copying blob" in progress.status for progress in seen)
    assert (seen[-1].layers_done, seen[-1].layers_total) == (1, 1)
    assert registry.password not in str(seen)


@pytest.mark.parametrize("place", [".config/containers/auth.json", ".docker/config.json"])
def test_credentials_of_the_users_files(opened: Open, registry: Registry, tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(registry.auth_file.read_text())
    runtime = opened()
    runtime.pull(registry.image)
    assert runtime.find_image(registry.image) is not None


def test_credentials_of_a_helper(opened: Open, registry: Registry, tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-test"
    answer = json.dumps({"Username": registry.username, "Secret": registry.password})
    helper.write_text(f"#!/bin/sh\ncat <<'E'\n{answer}\nE\n")
    helper.chmod(0o755)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"credHelpers": {registry.address: "test"}}))
    runtime = opened(DOCKER_CONFIG=str(tmp_path), PATH=f"{tmp_path}:/usr/bin:/bin")
    runtime.pull(registry.image)
    assert runtime.find_image(registry.image) is not None


def test_no_and_wrong_credentials(opened: Open, registry: Registry) -> None:
    runtime = opened()
    with pytest.raises(PullFailed) as raised:
        runtime.pull(registry.image)
    assert registry.address in raised.value.message
    assert "give credentials" in raised.value.hint
    auth = RegistryAuth(registry=registry.address, username=registry.username, password="wrong-4711")
    with pytest.raises(PullFailed) as raised:
        runtime.pull(registry.image, auth=auth)
    assert "check the credentials" in raised.value.hint
    error: BaseException | None = raised.value
    while error is not None:
        assert "wrong-4711" not in f"{error} {error!r}"
        error = error.__cause__


def test_an_image_that_the_registry_has_not(opened: Open, registry: Registry) -> None:
    auth = RegistryAuth(registry=registry.address, username=registry.username, password=registry.password)
    runtime = opened()
    for name in (f"{registry.address}/dagu-podman-runtime/random:none", f"{registry.address}/none/none:1"):
        with pytest.raises(ImageNotFound) as raised:
            runtime.pull(name, auth=auth)
        assert name in raised.value.message


def test_another_platform(opened: Open, registry: Registry) -> None:
    auth = RegistryAuth(registry=registry.address, username=registry.username, password=registry.password)
    runtime = opened()
    with pytest.raises(ImageNotFound, match="s390x"):
        runtime.pull(registry.image, auth=auth, platform="linux/s390x")
    runtime.pull(registry.image, auth=auth, platform=runtime.check().platform)


def test_a_registry_that_is_down(opened: Open) -> None:
    with pytest.raises(PullFailed) as raised:
        opened().pull("127.0.0.1:1/a/b:1")
    assert "127.0.0.1:1" in str(raised.value)


def test_a_failing_observer_ends_the_pull(opened: Open, registry: Registry) -> None:
    class Failure(Exception):
        pass

    def fail(_progress: PullProgress) -> None:
        raise Failure

    auth = RegistryAuth(registry=registry.address, username=registry.username, password=registry.password)
    with pytest.raises(Failure):
        opened().pull(registry.image, auth=auth, on_progress=fail)
