"""``deploy/compose.yaml`` as it stands: dagu in a container that has the engine's socket."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import e2e_base_image
import e2e_compose
import httpx
import pytest
from e2e_compose import ROOT, Composed
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest
from e2e_images import Images

from dagu_web_server.credentials import hash_token

pytestmark = pytest.mark.slow
LABEL = "dev.dagu.run"


class Deployed(Composed):
    """dagu with its page."""

    def __init__(self, folder: Path, built_from: Path, base: str, engine: EngineUnderTest) -> None:
        self.workflows = folder / "workflows"
        self.workflows.mkdir()
        token = secrets.token_urlsafe(16)
        environ = {
            "DAGU_CONTAINER_RUNTIME": engine.runtime,
            "DAGU_ENGINE_SOCKET": engine.endpoint.removeprefix("unix://"),
            "DAGU_WORKFLOWS": str(self.workflows),
            "DAGU_AUTH_TOKENS": f"test:{hash_token(token)}",
        }
        super().__init__(built_from / "deploy" / "compose.yaml", base, engine, environ)
        self.client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def served(self, dagu: Dagu) -> None:
        """Wait until it can be asked, at the address that it has now."""
        self.client.base_url = f"http://{self.compose('port', 'dagu', '8080').strip()}/"
        dagu.until(self._ready)

    def _ready(self) -> bool:
        try:
            return self.client.get("readyz").status_code == 200
        except httpx.TransportError:
            return False

    def start(self, workflow: str) -> str:
        answer = self.client.post("api/v1/runs", json={"workflow": workflow})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"api/v1/runs/{run_id}").json()
        return found

    def log(self, run_id: str, step: str) -> str:
        return self.client.get(f"api/v1/runs/{run_id}/log", params={"step": step}).text

    def close(self) -> None:
        self.client.close()
        super().close()


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return e2e_compose.context(tmp_path_factory.mktemp("context"))


@pytest.fixture
def deployed(dagu: Dagu, engine: EngineUnderTest, context: Path) -> Iterator[Deployed]:
    label = f"dagu-e2e-{os.urandom(4).hex()}"
    with closing(Images(engine)) as images:
        found = Deployed(dagu.directory, context, e2e_base_image.make(images, label), engine)
        try:
            found.compose("up", "--build", "--detach")
            found.served(dagu)
            yield found
        finally:
            found.close()
            images.remove(f"{found.image}:latest")
            images.prune(label)


@pytest.mark.parametrize(
    "engine",
    [pytest.param("docker", marks=pytest.mark.docker), pytest.param("podman", marks=pytest.mark.podman)],
    indirect=True,
)
def test_dagu_in_a_container(deployed: Deployed, dagu: Dagu) -> None:
    runtime = dagu.runtime
    (deployed.workflows / "shared.yaml").write_text(
        """
container: {image: alpine:3.20, volumes: [".:/workspace"], working_dir: /workspace}
steps:
  - id: write
    run: echo "from $(cat /etc/alpine-release)" > made.txt; echo done
"""
    )
    (deployed.workflows / "long.yaml").write_text(
        """
container: {image: alpine:3.20, volumes: [".:/workspace"]}
steps:
  - id: first
    run: echo once >> /workspace/count.txt
  - id: wait
    depends: first
    run: echo begun; until [ -e /workspace/gate ]; do sleep 0.1; done
"""
    )

    check = re.search(r"^HEALTHCHECK .*CMD (.*)$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert check
    deployed.compose("exec", "-T", "dagu", *json.loads(check[1]))

    # A path of dagu's container is a path of this machine for the containers beside it.
    run_id = deployed.start("shared")
    dagu.until(lambda: deployed.run(run_id)["status"] not in ("queued", "running"))
    assert deployed.run(run_id)["status"] == "succeeded", deployed.run(run_id)
    assert (deployed.workflows / "made.txt").read_text() == "from 3.20.0\n"
    assert deployed.log(run_id, "write") == "done\n"

    # Stopped, it ends its runs and what they had on the engine; started again, it goes on with them.
    run_id = deployed.start("long")
    dagu.until(lambda: "begun" in deployed.log(run_id, "wait"))
    assert runtime.find({LABEL: run_id})
    deployed.compose("stop")
    assert not runtime.find({LABEL: run_id})
    deployed.compose("start")
    deployed.served(dagu)
    dagu.until(lambda: runtime.find({LABEL: run_id}) and "begun" in deployed.log(run_id, "wait"))

    # Killed, it takes up again what was interrupted.
    deployed.compose("kill")
    dagu.until(lambda: not runtime.find({LABEL: run_id}))
    (deployed.workflows / "gate").touch()
    deployed.compose("start")
    deployed.served(dagu)
    dagu.until(lambda: deployed.run(run_id)["status"] not in ("interrupted", "queued", "running"))
    assert deployed.run(run_id)["status"] == "succeeded", deployed.run(run_id)
    assert (deployed.workflows / "count.txt").read_text() == "once\n"

    # Without a password it does not start, and says what to do.
    told = deployed.compose("config", status=1, DAGU_AUTH_PASSWORD_HASH="")
    assert "print one with dagu server hash-password" in told
