"""The two workflows of the examples, again and again: right every time, nothing left behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from e2e_dagu import Dagu

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TIMES = 20


def test_a_shared_container(dagu: Dagu) -> None:
    path = Path(shutil.copy(EXAMPLES / "shared_container.yaml", dagu.directory))
    ran = dagu.start(path).succeeded()
    assert ran.output("read_file") == b"from command step\n3.20.0\n"
    assert (dagu.directory / "shared.txt").read_bytes() == b"from command step\n"
    assert {step.attempts[0].place for step in ran.record.steps} == {"shared container"}


def test_a_container_of_its_own(dagu: Dagu) -> None:
    path = Path(shutil.copy(EXAMPLES / "step_container.yaml", dagu.directory))
    ran = dagu.start(path).succeeded()
    assert ran.output("inspect") == b"/workspace\n./step_container.yaml\n"
    assert ran.step("inspect").attempts[0].place == "container"


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("name", ["shared_container", "step_container"])
def test_many_times_in_a_row(name: str, dagu_docker: Dagu) -> None:
    dagu = dagu_docker
    path = Path(shutil.copy(EXAMPLES / f"{name}.yaml", dagu.directory))
    step, wanted = {
        "shared_container": ("read_file", b"from command step\n3.20.0\n"),
        "step_container": ("inspect", b"/workspace\n./step_container.yaml\n"),
    }[name]
    for _ in range(TIMES):
        ran = dagu.start(path).succeeded()
        assert ran.output(step) == wanted
        assert dagu.containers() == []
