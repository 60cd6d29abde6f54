"""Every shipped provider passes the kit."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar

import pytest

from dagu.contracts.provider import Usage
from dagu.contracts.specs import ProviderSpec
from dagu.testing import ProviderConformance

STREAMS = Path(__file__).with_name("streams")
WHOLE = Usage(input=2200, cached=1300, output=50)


class Shipped(ProviderConformance):
    name: ClassVar[str]

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        module = importlib.import_module(f"dagu_harness_providers.{self.name}")
        (spec,) = module.dagu_register_harness_providers()
        assert spec.name == self.name
        return spec


class Streaming(Shipped):
    answer = "The file hello.txt is written."
    usage = WHOLE

    def __init_subclass__(cls) -> None:
        cls.stream = (STREAMS / f"{cls.name}.jsonl").read_bytes()
        super().__init_subclass__()


class TestAider(Shipped):
    name = "aider"


class TestAmp(Streaming):
    name = "amp"


class TestClaude(Streaming):
    name = "claude"
    cost_usd = 0.00486


class TestCline(Streaming):
    name = "cline"
    cost_usd = 0.0


class TestCodex(Streaming):
    name = "codex"


class TestCopilot(Streaming):
    name = "copilot"
    usage = None


class TestCursor(Streaming):
    name = "cursor"
    usage = None


class TestDeepseek(Streaming):
    name = "deepseek"


class TestDroid(Streaming):
    name = "droid"


class TestGemini(Streaming):
    name = "gemini"


class TestGoose(Shipped):
    name = "goose"


class TestKiro(Shipped):
    name = "kiro"


class TestOpencode(Streaming):
    name = "opencode"
    cost_usd = 0.001


class TestPi(Streaming):
    name = "pi"
    cost_usd = 0.00165


class TestQwen(Streaming):
    name = "qwen"


class TestShell(Shipped):
    name = "shell"


def test_every_entry_point_has_a_class_here() -> None:
    found = {
        point.name.removeprefix("harness-")
        for point in entry_points(group="dagu")
        if point.value.startswith("dagu_harness_providers.")
    }
    tested = {kind.name for name, kind in globals().items() if name.startswith("Test")}
    assert found == tested
    assert len(found) == 16
