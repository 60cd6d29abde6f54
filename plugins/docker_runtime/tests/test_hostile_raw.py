"""Whatever stands in the raw objects of ``docker.run``, it is translated to JSON or refused."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dagu.contracts.container import ContainerRequest
from dagu.errors import RequestRefused
from dagu_docker_runtime import raw_options
from dagu_docker_runtime.request import create_body

CONTAINER = [
    "Env",
    "Cmd",
    "Entrypoint",
    "Labels",
    "Healthcheck",
    "Volumes",
    "Image",
    "User",
    "StopSignal",
    "x",
    "",
]
HOST = [
    "Binds",
    "Mounts",
    "PortBindings",
    "Devices",
    "RestartPolicy",
    "Memory",
    "Ulimits",
    "LogConfig",
    "Tmpfs",
]
HOST += ["DeviceRequests", "NetworkMode", "SecurityOpt", "CapAdd", "ExtraHosts", "binds", "y"]
INSIDE = [
    "Name",
    "Test",
    "Interval",
    "Type",
    "Source",
    "Target",
    "EndpointsConfig",
    "Config",
    "80/tcp",
    "Aliases",
    "",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
SCALARS |= st.sampled_from(
    ["a:/b:ro", "K=V", "bind", "always", "no-new-privileges", "seccomp=x", "\0", "9" * 500]
)


def values(keys: list[str]) -> st.SearchStrategy[dict[Any, Any]]:
    inner = st.recursive(
        SCALARS,
        lambda deeper: (
            st.lists(deeper, max_size=3)
            | st.dictionaries(st.sampled_from(INSIDE) | st.integers(), deeper, max_size=3)
        ),
        max_leaves=8,
    )
    return st.dictionaries(st.sampled_from(keys) | st.text(max_size=4), inner, max_size=4)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(values(CONTAINER), values(HOST), values(["EndpointsConfig", "z"]))
def test_containers(container: dict[str, Any], host: dict[str, Any], network: dict[str, Any]) -> None:
    request = ContainerRequest(
        image="i", env={"A": "1"}, raw_container=container, raw_host=host, raw_network=network
    )
    with contextlib.suppress(RequestRefused):
        json.dumps(create_body(request, api_version="1.41", log_drivers=("local",)))


@settings(max_examples=500, deadline=None, derandomize=True)
@given(values(["Env", "User", "WorkingDir", "Privileged", "Cmd", "Tty"]))
def test_execs(given_: dict[str, Any]) -> None:
    with contextlib.suppress(RequestRefused):
        json.dumps(raw_options.exec_fields(given_, "1.41"))
