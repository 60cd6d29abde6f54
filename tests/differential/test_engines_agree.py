"""The same workflows on Docker and on Podman: the same statuses, exit codes, bytes and history."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import e2e_engines
import pytest
from differences import KNOWN
from e2e_dagu import Dagu
from workflows import WORKFLOWS

pytestmark = [pytest.mark.docker, pytest.mark.podman]


@dataclass(frozen=True)
class Seen:
    """What a run left, without what differs between any two runs."""

    status: tuple[str, ...]
    codes: tuple[int | None, ...]
    output: tuple[bytes, ...]


def run_on(engine: str, text: str, home: Path) -> Seen:
    directory = Path(tempfile.mkdtemp(prefix="dagu-diff-"))
    directory.chmod(0o777)
    dagu = Dagu(home, directory, e2e_engines.engine(engine))
    try:
        ran = dagu.start(text)
        steps = ran.record.steps
        attempts = [attempt for step in steps for attempt in step.attempts]
        return Seen(
            status=(
                ran.status.value,
                str(ran.code),
                *(step.status.value for step in steps),
                *(f"{attempt.status.value} {attempt.place} {attempt.provider}" for attempt in attempts),
            ),
            codes=tuple(attempt.exit_code for attempt in attempts),
            output=tuple(
                ran.output(step.name, stream, attempt=attempt.number)
                for step in steps
                for attempt in step.attempts
                for stream in ("stdout", "stderr")
            ),
        )
    finally:
        dagu.close()
        shutil.rmtree(directory, ignore_errors=True)


def test_there_are_enough() -> None:
    assert len(WORKFLOWS) >= 60
    assert set(KNOWN) <= set(WORKFLOWS)


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_no_unexplained_difference(name: str, tmp_path: Path) -> None:
    docker = run_on("docker", WORKFLOWS[name], tmp_path / "docker")
    podman = run_on("podman", WORKFLOWS[name], tmp_path / "podman")
    differ = [
        field for field in ("status", "codes", "output") if getattr(docker, field) != getattr(podman, field)
    ]
    explained = [KNOWN[name][0]] if name in KNOWN else []
    assert differ == explained, f"docker: {docker}\npodman: {podman}"
