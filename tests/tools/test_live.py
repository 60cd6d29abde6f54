"""The tool on real daemons. They need root, and Debian or Ubuntu; what is missing is installed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import client
import pytest
from engines import images, layout, networks, packages, processes
from engines.api import Api

Tool = Callable[..., str]
EVERY_ENGINE = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("podman", marks=pytest.mark.podman),
    pytest.param("podman-rootless", marks=pytest.mark.podman),
]
PRIVATE = EVERY_ENGINE[:2]
pytestmark = pytest.mark.engine


def status(tool: Tool, engine: str, private: str | None = None) -> dict[str, Any]:
    entries = json.loads(tool("status", "--json"))
    return next(entry for entry in entries if (entry["engine"], entry["private"]) == (engine, private))


def numbers(private: str) -> set[int]:
    """The numbers that private engines hold."""
    records = [json.loads(file.read_text()) for file in layout.RUN.glob(f"{private}/*.json")]
    return {record["facts"]["number"] for record in records if "number" in record["facts"]}


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_a_container_works_on_the_standard_engine(tool: Tool, engine: str) -> None:
    tool("up", engine)
    before = status(tool, engine)
    assert before["alpine"]
    assert before["state"] in {"started", "found"}
    endpoint = before["endpoint"]
    assert client.run(endpoint, "true") == (0, "")
    code, output = client.run(endpoint, "sh", "-c", "cat /etc/alpine-release; exit 7")
    assert (code, output[:4]) == (7, "3.20")
    identifier = client.start(endpoint, "sleep", "600")
    assert client.execute(endpoint, identifier, "test", "-d", "/tmp") == 0
    assert client.execute(endpoint, identifier, "false") == 1
    Api(endpoint).call("POST", f"/containers/{identifier}/kill")
    Api(endpoint).call("DELETE", f"/containers/{identifier}", {"force": "1"})
    tool("up", engine)
    assert status(tool, engine) == before


@pytest.mark.parametrize("engine", PRIVATE)
def test_a_container_that_takes_too_much_memory_is_killed(tool: Tool, engine: str) -> None:
    tool("up", engine)
    endpoint = layout.Place(engine).endpoint
    greedy = ("sh", "-c", "x=$(head -c 100000000 /dev/zero | tr '\\0' a); echo survived")
    limit = 20 * 1024 * 1024
    assert client.run(endpoint, *greedy, Memory=limit, MemorySwap=limit) == (137, "")


@pytest.mark.podman
def test_rootless_podman_is_rootless(tool: Tool) -> None:
    tool("up", "podman-rootless")
    endpoint = layout.Place("podman-rootless").endpoint
    assert f"export DAGU_TEST_ROOTLESS_HOST={endpoint}" in tool("env")
    assert Api(endpoint).call("GET", "/info")["Rootless"] is True
    # Root inside is somebody else outside.
    identifier = client.start(endpoint, "sleep", "600")
    inspected = Api(endpoint).call("GET", f"/containers/{identifier}/json")
    assert Path(f"/proc/{inspected['State']['Pid']}").stat().st_uid != 0
    Api(endpoint).call("POST", f"/containers/{identifier}/kill")
    Api(endpoint).call("DELETE", f"/containers/{identifier}", {"force": "1"})


@pytest.mark.parametrize("engine", PRIVATE)
def test_a_private_engine_comes_and_goes_without_a_trace(tool: Tool, private: str, engine: str) -> None:
    tool("up", engine)
    standard = status(tool, engine)
    tool("up", engine, "--private", private)
    mine = status(tool, engine, private)
    assert mine["state"] == "started"
    assert mine["endpoint"] in tool("env", "--private", private)
    assert client.run(mine["endpoint"], "true") == (0, "")
    identifier = client.start(mine["endpoint"], "sleep", "600")
    inside = Api(mine["endpoint"]).call("GET", f"/containers/{identifier}/json")["State"]["Pid"]
    (number,) = numbers(private)
    tool("down", "--private", private)
    assert processes.identify(mine["pid"]) is None
    assert processes.identify(inside) is None
    assert private not in Path("/proc/self/mountinfo").read_text()
    assert not list((layout.state_root() / "private").glob(private))
    assert not (layout.RUN / private).exists()
    bridge = networks.docker_bridge(number) if engine == "docker" else networks.podman_bridge(number)
    # Another test's engine may have been given the number by now.
    assert bridge not in os.listdir("/sys/class/net") or number in numbers("*")
    assert status(tool, engine) == standard
    assert client.run(standard["endpoint"], "true") == (0, "")


@pytest.mark.parametrize("engine", PRIVATE)
def test_a_killed_engine_comes_up_again_and_goes_down(tool: Tool, private: str, engine: str) -> None:
    tool("up", engine, "--private", private)
    first = status(tool, engine, private)
    container = client.start(first["endpoint"], "sh", "-c", "trap 'exit 0' TERM; sleep 600 & wait")
    os.kill(first["pid"], signal.SIGKILL)
    tool("up", engine, "--private", private)
    second = status(tool, engine, private)
    assert second["pid"] != first["pid"]
    # Docker stops what survived its daemon, Podman lets it be.
    assert client.running(second["endpoint"], container) == (engine == "podman")
    other = client.start(second["endpoint"], "sh", "-c", "setsid sleep 600 & sleep 600")
    inside = Api(second["endpoint"]).call("GET", f"/containers/{other}/json")["State"]["Pid"]
    os.kill(second["pid"], signal.SIGKILL)
    tool("down", "--private", private)
    assert processes.identify(inside) is None
    assert private not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_an_image_is_made_from_a_folder(tool: Tool, tmp_path: Path, engine: str) -> None:
    tool("up", engine)
    endpoint = layout.Place(engine).endpoint
    packages.need(packages.BUSYBOX)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "busybox").write_bytes(Path("/bin/busybox").read_bytes())
    (tmp_path / "bin" / "busybox").chmod(0o755)
    (tmp_path / "bin" / "sh").symlink_to("busybox")
    (tmp_path / "greeting").write_text("hello\n")
    reference = f"dagu-test/{tmp_path.name.replace('_', '-')}:1"
    greet = json.dumps(["/bin/sh", "-c", "busybox cat /greeting"])
    tool("image", reference, str(tmp_path), "--engine", engine, "--cmd", greet)
    assert images.has_image(endpoint, reference)
    assert client.run(endpoint, image=reference) == (0, "hello\n")
    Api(endpoint).call("DELETE", f"/images/{reference}", {"force": "1"})


@pytest.mark.parametrize("engine", EVERY_ENGINE)
def test_the_registry_asks_for_its_password(tool: Tool, private: str, engine: str) -> None:
    tool("up", engine)
    endpoint = layout.Place(engine).endpoint
    registry = json.loads(tool("registry", "up", "--private", private))
    assert json.loads(tool("registry", "up", "--private", private)) == registry
    name = f"{registry['address']}/tools/alpine"
    right, wrong = (registry["username"], registry["password"]), (registry["username"], "wrong")
    api = Api(endpoint)
    api.call("POST", "/images/alpine:3.20/tag", {"repo": name, "tag": "1"})
    assert client.transfer(endpoint, "push", f"{name}:1", wrong)
    assert client.transfer(endpoint, "push", f"{name}:1", right) == ""
    api.call("DELETE", f"/images/{name}:1")
    assert client.transfer(endpoint, "pull", f"{name}:1", wrong)
    assert not images.has_image(endpoint, f"{name}:1")
    assert client.transfer(endpoint, "pull", f"{name}:1", right) == ""
    assert client.run(endpoint, "true", image=f"{name}:1") == (0, "")
    api.call("DELETE", f"/images/{name}:1")
    tool("registry", "down", "--private", private)
    with pytest.raises(ConnectionRefusedError):
        http.client.HTTPConnection(registry["address"]).request("GET", "/v2/")


@pytest.mark.docker
def test_tls_admits_only_the_right_client(tool: Tool, private: str) -> None:
    facts = json.loads(tool("tls", "up", "--private", private))
    assert json.loads(tool("tls", "up", "--private", private)) == facts
    host = urlsplit(facts["host"]).netloc

    def context(certs: str | None) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=f"{facts['certs']}/ca.pem")
        if certs is not None:
            made.load_cert_chain(f"{certs}/cert.pem", f"{certs}/key.pem")
        return made

    def version(context: ssl.SSLContext) -> int:
        connection = http.client.HTTPSConnection(host, context=context, timeout=30)
        connection.request("GET", "/version")
        return connection.getresponse().status

    right = context(facts["certs"])
    assert version(right) == 200
    for refused in (facts["bad_certs"], None):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            version(context(refused))
    tool("tls", "down", "--private", private)
    with pytest.raises(ConnectionRefusedError):
        version(right)
