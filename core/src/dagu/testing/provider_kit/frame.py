"""The frame of the kit: the one fixture to fill in, and what every case uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from dagu.contracts.provider import HarnessProvider, HarnessTask, Option, PromptChannel, ProviderFacts, Usage
from dagu.contracts.specs import ProviderSpec
from dagu.testing.recorder import AgentRecorder, Call


@dataclass(frozen=True)
class Bench:
    """A provider and a stand-in for its program."""

    spec: ProviderSpec
    recorder: AgentRecorder

    @property
    def facts(self) -> ProviderFacts:
        """What the spec says of the program."""
        return self.spec.facts

    @property
    def on_command_line(self) -> bool:
        """Whether the prompt travels as an argument."""
        return self.spec.facts.prompt_channel is PromptChannel.ARGUMENT

    def provider(self) -> HarnessProvider:
        """A new provider."""
        return self.spec.factory()

    def call(self, task: HarnessTask, *, env: Mapping[str, str] | None = None) -> Call:
        """Carry out what the provider makes of a task; how the program was called."""
        self.recorder.install(self.facts.binary)
        done = self.recorder.run(self.provider().invocation(task), env=env)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return self.recorder.calls(self.facts.binary)[-1]

    def prompt_of(self, call: Call) -> bytes:
        """What arrived on standard input or in the prompt's file."""
        if self.facts.prompt_channel is PromptChannel.STDIN:
            return call.stdin
        assert len(call.files) == 1, f"expected one prompt file, found {sorted(call.files)}"
        return next(iter(call.files.values())).content


class Kit:
    """Base of every part of the kit.

    Attributes:
        options: Options that the provider accepts, for the cases that need some.
        options_are_flags: Every option becomes a flag of the program, as :mod:`dagu.contracts.flags` has it.
            Where that is False, an option that the provider does not know must be refused by its name.
        stream: A recorded event stream of one attempt. Needed if the facts promise one.
        answer: The final answer in it.
        usage: The tokens spent in it; None if the program does not tell.
        cost_usd: The cost in it, in US dollars; None if the program does not tell.
        known_differences: Case name to the reason why this provider fails it. The case still runs, and fails
            when it passes after all.
    """

    options: ClassVar[Mapping[str, Option]] = {}
    options_are_flags: ClassVar[bool] = True
    stream: ClassVar[bytes] = b""
    answer: ClassVar[str] = ""
    usage: ClassVar[Usage | None] = None
    cost_usd: ClassVar[float | None] = None
    known_differences: ClassVar[Mapping[str, str]] = {}

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        """The provider under test, as its plugin registers it. Override it."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture `spec`")

    @pytest.fixture
    def bench(self, spec: ProviderSpec, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
        """What the cases use."""
        node = request.node
        reason = self.known_differences.get(node.name) or self.known_differences.get(node.originalname)
        if reason:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
        return Bench(spec, AgentRecorder(tmp_path / "recorder"))
