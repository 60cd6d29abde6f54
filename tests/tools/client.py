"""A client that is the same for both engines: their common HTTP API."""

from __future__ import annotations

import base64
import json
from typing import Any

from engines import images
from engines.alpine import ALPINE
from engines.api import Api


def run(endpoint: str, *argv: str, image: str = ALPINE, **host_config: Any) -> tuple[int, str]:
    """Run a container to its end; returns its status and its output."""
    api = Api(endpoint)
    identifier = start(endpoint, *argv, image=image, **host_config)
    status = api.call("POST", f"/containers/{identifier}/wait")["StatusCode"]
    output = logs(endpoint, identifier)
    api.call("DELETE", f"/containers/{identifier}", {"force": "1"})
    return status, output


def start(endpoint: str, *argv: str, image: str = ALPINE, **host_config: Any) -> str:
    """Start a container and return its id; without argv the image's own command."""
    body: dict[str, Any] = {"Image": image, "HostConfig": host_config, **({"Cmd": argv} if argv else {})}
    api = Api(endpoint)
    identifier = str(_post(api, "/containers/create", body)["Id"])
    _post(api, f"/containers/{identifier}/start", None)
    return identifier


def execute(endpoint: str, identifier: str, *argv: str) -> int:
    """Run a command in a running container; returns its status."""
    api = Api(endpoint)
    made = _post(api, f"/containers/{identifier}/exec", {"Cmd": argv, "AttachStdout": True})["Id"]
    api.request("POST", f"/exec/{made}/start", body=b"{}", headers={"Content-Type": "application/json"})
    return int(api.call("GET", f"/exec/{made}/json")["ExitCode"])


def running(endpoint: str, identifier: str) -> bool:
    """Whether the container runs."""
    return bool(Api(endpoint).call("GET", f"/containers/{identifier}/json")["State"]["Running"])


def logs(endpoint: str, identifier: str) -> str:
    """The output so far; each frame of it has a head of eight bytes."""
    data = Api(endpoint).request("GET", f"/containers/{identifier}/logs", {"stdout": "1", "stderr": "1"}).data
    text = b""
    while data:
        size = int.from_bytes(data[4:8], "big")
        text, data = text + data[8 : 8 + size], data[8 + size :]
    return text.decode()


def transfer(endpoint: str, action: str, reference: str, login: tuple[str, str]) -> str:
    """Push or pull with a password; returns the engine's error, empty for none."""
    secret = {"username": login[0], "password": login[1], "serveraddress": reference.partition("/")[0]}
    headers = {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(secret).encode()).decode()}
    name, tag = images.qualified(reference)
    path, query = f"/images/{name}/push", {"tag": tag}
    if action == "pull":
        path, query = "/images/create", {"fromImage": name, "tag": tag}
    response = Api(endpoint).request("POST", path, query, headers=headers)
    lines = [json.loads(line) for line in response.data.splitlines() if line.strip()]
    return " ".join(str(line.get("error") or line.get("message") or "") for line in lines).strip()


def _post(api: Api, path: str, body: Any) -> Any:
    data = b"" if body is None else json.dumps(body).encode()
    return api.call("POST", path, body=data, headers={"Content-Type": "application/json"})
