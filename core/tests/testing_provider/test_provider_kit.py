"""The kit passes a good provider and catches broken ones, each by the cases that are about what is broken."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import pytest

from dagu.testing import ProviderConformance

BROKEN = Path(__file__).with_name("broken.py")


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    report = tmp_path_factory.mktemp("kit") / "report.xml"
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", "/dev/null"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", str(BROKEN)],
        cwd=report.parent,
        capture_output=True,
        timeout=300,
        check=False,
    )
    found: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        names = found.setdefault(case.attrib["classname"].rpartition(".")[2], set())
        if case.find("failure") is not None or case.find("error") is not None:
            names.add(case.attrib["name"])
    return found


def _classes() -> dict[str, set[str]]:
    module_spec = importlib.util.spec_from_file_location("broken", BROKEN)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    module_spec.loader.exec_module(module)
    return {name: kind.fails for name, kind in vars(module).items() if name.startswith("Test")}


@pytest.mark.parametrize(("name", "fails"), sorted(_classes().items()))
def test_kit_judges(failed: dict[str, set[str]], name: str, fails: set[str]) -> None:
    assert failed[name] == fails


def test_a_case_cant_be_overridden() -> None:
    with pytest.raises(TypeError, match="test_nul_is_refused"):

        class Cheat(ProviderConformance):
            def test_nul_is_refused(self) -> None:
                """Passes."""


def test_a_difference_needs_a_case_and_a_reason() -> None:
    with pytest.raises(TypeError, match="test_nothing"):

        class Unknown(ProviderConformance):
            known_differences: ClassVar[dict[str, str]] = {"test_nothing": "because"}

    with pytest.raises(TypeError, match="no reason"):

        class Reasonless(ProviderConformance):
            known_differences: ClassVar[dict[str, str]] = {"test_nul_is_refused": " "}
