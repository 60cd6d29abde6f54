"""The provider passes dagu's conformance kit, and drives its real program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from dagu_example_provider import plugin
from dagu_example_provider.provider import WordCountProvider

from dagu.contracts.provider import HarnessTask, Usage
from dagu.contracts.specs import ProviderSpec
from dagu.testing import ProviderConformance


class TestWordCount(ProviderConformance):
    stream = Path(__file__).with_name("stream.jsonl").read_bytes()
    answer = "5 words"
    usage = Usage(input=5)

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        (spec,) = plugin.dagu_register_harness_providers()
        return spec


def test_real_program() -> None:
    task = HarnessTask(prompt="one two three", options={"longest": True}, events=False)
    invocation = WordCountProvider().invocation(task)
    program = str(Path(sys.executable).with_name("word-count-agent"))
    words = [program, *map(str, invocation.argv[1:])]
    done = subprocess.run(words, input=invocation.stdin, capture_output=True, check=True, timeout=60)
    assert done.stdout == b"3 words, the longest is three\n"
