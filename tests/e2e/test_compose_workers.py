"""``deploy/compose.workers.yaml`` as it stands: a server, PostgreSQL and two workers.

On Docker: Podman leaves health checks to systemd, which need not be here.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import e2e_base_image
import e2e_compose
import e2e_postgres_image
import httpx
import pytest
from e2e_compose import Composed
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest
from e2e_images import Images
from engines.api import Api

from dagu_web_server.credentials import hash_token

pytestmark = [pytest.mark.docker, pytest.mark.slow]


class Deployed(Composed):
    """The services of the file."""

    def __init__(
        self, folder: Path, built_from: Path, images: Images, label: str, engine: EngineUnderTest
    ) -> None:
        self.workflows = folder / "workflows"
        self.workflows.mkdir()
        (built_from / "deploy" / "db-password").write_text("a long p@ssword")
        self._token = secrets.token_urlsafe(16)
        environ = {
            "DAGU_WORKFLOWS": str(self.workflows),
            "DAGU_AUTH_TOKENS": f"test:{hash_token(self._token)}",
            "POSTGRES_IMAGE": e2e_postgres_image.make(images),
        }
        file = built_from / "deploy" / "compose.workers.yaml"
        super().__init__(file, e2e_base_image.make(images, label), engine, environ)
        self._api = Api(engine.endpoint)

    def dagu(self, *arguments: str) -> str:
        """Standard output of a command on the server."""
        return self.compose("exec", "-T", "server", "dagu", *arguments)

    def workers(self) -> dict[str, str]:
        """The state of each worker."""
        return {
            worker["name"]: worker["state"] for worker in json.loads(self.dagu("worker", "list", "--json"))
        }

    def served(self) -> bool:
        """Whether the page is there, for who has a token."""
        url = f"http://{self.compose('port', 'server', '8080').strip()}/api/v1/workers"
        try:
            barred, found = httpx.get(url), httpx.get(url, headers={"Authorization": f"Bearer {self._token}"})
        except httpx.TransportError:
            return False
        return (barred.status_code, len(found.json())) == (401, 2)

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.dagu("status", "--run-id", run_id, "--json"))
        return found

    def left(self) -> list[str]:
        """What the engine has of the project."""
        filters = json.dumps({"label": [f"com.docker.compose.project={self.name}"]})
        wanted = [("all", "1"), ("filters", filters)]
        answers = [
            self._api.request("GET", path, wanted) for path in ("/containers/json", "/networks", "/volumes")
        ]
        containers, networks, volumes = (json.loads(answer.data) for answer in answers)
        found = [*containers, *networks, *(volumes["Volumes"] or ())]
        return [str(each.get("Name") or each.get("Names")) for each in found]


@pytest.fixture
def deployed(dagu_docker: Dagu, docker: EngineUnderTest, tmp_path: Path) -> Iterator[Deployed]:
    label = f"dagu-e2e-{os.urandom(4).hex()}"
    with closing(Images(docker)) as images:
        found = Deployed(dagu_docker.directory, e2e_compose.context(tmp_path), images, label, docker)
        try:
            found.compose("up", "--build", "--detach")
            yield found
        finally:
            print(found.compose("logs", "--tail", "20"))
            found.close()
            images.remove(f"{found.image}:latest")
            images.prune(label)


def test_a_server_and_two_workers(deployed: Deployed, dagu_docker: Dagu) -> None:
    def until_succeeded(run_id: str) -> dict[str, Any]:
        dagu_docker.until(lambda: deployed.run(run_id)["status"] not in ("queued", "running"))
        run = deployed.run(run_id)
        assert run["status"] == "succeeded", run
        return run

    steps = "steps: [{id: a, run: 'echo from a worker; env | grep -c DAGU_DATABASE || true'}]"
    (deployed.workflows / "any.yaml").write_text(steps)
    (deployed.workflows / "big.yaml").write_text(f"worker_selector: {{big: ''}}\n{steps}")
    dagu_docker.until(lambda: deployed.workers() == {"worker-1": "ready", "worker-2": "ready"})
    assert "notifications: arrive" in deployed.dagu("db", "check")
    dagu_docker.until(deployed.served)

    run_id = deployed.dagu("enqueue", "big").strip()
    assert until_succeeded(run_id)["workerId"] == "worker-2"
    assert deployed.dagu("logs", run_id, "a", "--follow") == "from a worker\n0\n"

    # Stopped, a worker leaves; started, it is back.
    deployed.compose("stop", "worker-2")
    assert deployed.workers() == {"worker-1": "ready"}
    run_id = deployed.dagu("enqueue", "any").strip()
    assert until_succeeded(run_id)["workerId"] == "worker-1"
    deployed.compose("start", "worker-2")
    dagu_docker.until(lambda: deployed.workers() == {"worker-1": "ready", "worker-2": "ready"})

    # What they did is kept over a stop of everything.
    deployed.compose("stop")
    deployed.compose("up", "--detach")
    dagu_docker.until(lambda: deployed.workers() == {"worker-1": "ready", "worker-2": "ready"})
    assert deployed.run(run_id)["status"] == "succeeded"

    assert deployed.left()
    deployed.compose("down", "--volumes")
    assert not deployed.left()
