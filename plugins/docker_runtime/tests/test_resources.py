"""Networks and volumes."""

from __future__ import annotations

import os
import subprocess
import threading
import uuid
from collections.abc import Iterator

import pytest

from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import NameTaken, RequestRefused

from .conftest import Maker, Outcome

pytestmark = [pytest.mark.engine, pytest.mark.docker]


@pytest.fixture
def name() -> str:
    return f"dagu-test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def network(docker: ContainerRuntime, name: str) -> Iterator[str]:
    yield name
    docker.remove_network(name)


@pytest.fixture
def volume(docker: ContainerRuntime, name: str) -> Iterator[str]:
    yield name
    docker.remove_volume(name)


def test_of_many_that_create_a_volume_one_does(docker: ContainerRuntime, volume: str) -> None:
    made: list[bool] = []

    def create() -> None:
        try:
            docker.create_volume(volume, labels={"dagu.test": volume})
        except NameTaken:
            made.append(False)
        else:
            made.append(True)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    (found,) = docker.find_volumes({"dagu.test": volume})
    assert found.labels == {"dagu.test": volume}


def test_a_volume_in_use_is_refused(docker: ContainerRuntime, volume: str, make: Maker) -> None:
    docker.create_volume(volume)
    container = make.create("true", raw_host={"Binds": [f"{volume}:/v"]})
    with pytest.raises(RequestRefused, match="in use"):
        docker.remove_volume(volume)
    docker.remove(container)


def test_the_machine_is_at_the_gateway_of_an_internal_network(
    docker: ContainerRuntime, network: str, make: Maker
) -> None:
    docker.create_network(network, internal=True)
    container = make.up(network=network)
    assert docker.inspect(container).gateways[network].count(".") == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another machine to reach")
def test_an_internal_network_has_no_way_out(docker: ContainerRuntime, network: str, make: Maker) -> None:
    """From the bridge another machine is reached, from an internal network it is not."""
    outside = f"dagu{uuid.uuid4().hex[:8]}"
    near, far = f"{outside[:10]}n", f"{outside[:10]}f"
    there, here = "198.18.77.2", "198.18.77.1"
    try:
        _ip("netns", "add", outside)
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", outside)
        _ip("addr", "add", f"{here}/30", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-n", outside, "addr", "add", f"{there}/30", "dev", far)
        _ip("-n", outside, "link", "set", far, "up")
        _ip("-n", outside, "route", "add", "default", "via", here)
        docker.create_network(network, internal=True)
        assert _ping(docker, make, "bridge", there) == 0
        assert _ping(docker, make, network, there) != 0
    finally:
        subprocess.run(["ip", "link", "del", near], check=False, capture_output=True)
        subprocess.run(["ip", "netns", "del", outside], check=False, capture_output=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


def _ping(docker: ContainerRuntime, make: Maker, network: str, address: str) -> int:
    outcome = Outcome()
    container = make.create("ping", "-c", "2", "-W", "2", address, network=network)
    attachment = docker.attach(container, outcome.streams)
    docker.start(container)
    attachment.join()
    return docker.wait(container).code
