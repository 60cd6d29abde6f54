"""Docker over TCP with certificates."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import e2e_engines
import pytest
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest

from dagu.history.records import Status

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@dataclass(frozen=True)
class Tls:
    """A daemon with TLS: its address, and a folder of certificates that it takes, and one that it does not."""

    host: str
    certs: str
    bad_certs: str


@pytest.fixture(scope="module")
def tls() -> Iterator[Tls]:
    """A private daemon."""
    name = f"e2e-tls-{os.urandom(2).hex()}"
    told = json.loads(e2e_engines.tool("tls", "up", "--private", name))
    yield Tls(told["host"], told["certs"], told["bad_certs"])
    e2e_engines.tool("tls", "down", "--private", name)


@pytest.fixture
def dagu(tls: Tls, directory: Path, tmp_path: Path) -> Iterator[Dagu]:
    """The command on that daemon, with the right certificates."""
    environ = e2e_engines.clean_environment() | {
        "DOCKER_HOST": tls.host,
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": tls.certs,
    }
    found = Dagu(tmp_path / "home", directory, EngineUnderTest("docker", "docker", environ))
    yield found
    found.close()


FLOW = """
    container: {image: alpine:3.20, volumes: [".:/work"]}
    steps:
      - id: shared
        run: |
          cat /work/in
          head -c 1000000 /dev/zero | tr '\\0' x > /work/out
          cat /work/out
      - id: own
        container: {image: alpine:3.20}
        outputs: [{name: x}]
        run: echo "x=1" > $DAGU_OUTPUT_FILE
      - id: stopped
        timeout_sec: 1
        run: sleep 86400
        continue_on: failed
    """


def test_a_run(dagu: Dagu) -> None:
    (dagu.directory / "in").write_text("in\n")
    ran = dagu.start(FLOW)
    assert ran.output("shared") == b"in\n" + b"x" * 1_000_000
    assert ran.step("own").status is Status.SUCCEEDED
    assert ran.step("stopped").exit_code == 124


def test_a_workspace_copy(dagu: Dagu) -> None:
    (dagu.directory / "in").write_text("in\n")
    dagu.start(
        """
        steps:
          - id: a
            container: {image: alpine:3.20, workspace: copy, volumes: [".:/work"]}
            run: cp /work/in /work/copied
        """
    ).succeeded()
    assert (dagu.directory / "copied").read_text() == "in\n"


def test_certificates_of_a_stranger(dagu: Dagu, tls: Tls) -> None:
    ran = dagu.start(FLOW, env={"DOCKER_CERT_PATH": tls.bad_certs})
    ran.failed(tls.host, "refuses this client's certificate", "DOCKER_CERT_PATH")
    assert ran.step("shared").status is Status.NOT_STARTED


def test_an_authority_that_is_not_trusted(dagu: Dagu, tls: Tls, tmp_path: Path) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name in ("cert.pem", "key.pem"):
        (mixed / name).write_bytes((Path(tls.certs) / name).read_bytes())
    stranger = Path(tls.bad_certs).parent / "other-authority" / "cert.pem"
    (mixed / "ca.pem").write_bytes(stranger.read_bytes())
    dagu.start(FLOW, env={"DOCKER_CERT_PATH": str(mixed)}).failed("not trusted", "DOCKER_CERT_PATH")


def test_files_that_are_missing(dagu: Dagu, tmp_path: Path) -> None:
    dagu.start(FLOW, env={"DOCKER_CERT_PATH": str(tmp_path)}).failed("ca.pem", "cert.pem", "key.pem")


def test_without_tls(dagu: Dagu) -> None:
    dagu.start(FLOW, env={"DOCKER_CERT_PATH": "", "DOCKER_TLS_VERIFY": ""}).failed("TLS", "DOCKER_TLS_VERIFY")


def test_nobody_there(dagu: Dagu) -> None:
    dagu.start(FLOW, env={"DOCKER_HOST": "tcp://127.0.0.1:9"}).failed("127.0.0.1:9", "DOCKER_HOST")
