"""What an agent is let in with is masked wherever it shows, declared as a secret or not; and one that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagu.contracts.provider import HarnessProvider, HarnessTask, Invocation, PromptChannel, ProviderFacts
from dagu.contracts.specs import ProviderSpec
from dagu.hookspecs import hookimpl

if TYPE_CHECKING:
    from .conftest import Runs

KEY = "sk-a-real-looking-key"


class Talkative(HarnessProvider):
    """An agent that prints its environment."""

    def invocation(self, task: HarnessTask) -> Invocation:
        del task
        return Invocation(argv=("sh", "-c", "echo $AGENT_KEY; echo $AGENT_KEY >&2; echo $SHORT_KEY; exit 3"))


class Plugin:
    @hookimpl
    def dagu_register_harness_providers(self) -> list[ProviderSpec]:
        facts = ProviderFacts(
            binary="sh", prompt_channel=PromptChannel.STDIN, credentials=("AGENT_KEY", "SHORT_KEY")
        )
        return [ProviderSpec(name="talkative", summary="prints all", facts=facts, factory=Talkative)]


def test_they_are_masked(run: Runs) -> None:
    run.extra = (Plugin(),)
    run.environ |= {"AGENT_KEY": KEY, "SHORT_KEY": "key"}
    result = run(
        "env: {AGENT_KEY: $AGENT_KEY, SHORT_KEY: $SHORT_KEY}\n"
        "steps: [{id: a, action: harness.run, with: {provider: talkative, prompt: hello}}]\n"
    )
    assert run.log(result.record, "a") == "*******\nkey\n"
    assert run.log(result.record, "a", "stderr") == "*******\n"
    assert KEY not in repr(result) + repr(run.events)


class Missing(HarnessProvider):
    """An agent that is not installed."""

    def invocation(self, task: HarnessTask) -> Invocation:
        del task
        return Invocation(argv=("no-such-agent",))


class MissingPlugin:
    @hookimpl
    def dagu_register_harness_providers(self) -> list[ProviderSpec]:
        facts = ProviderFacts(
            binary="no-such-agent", prompt_channel=PromptChannel.STDIN, install="get no-such-agent"
        )
        return [ProviderSpec(name="missing", summary="is not there", facts=facts, factory=Missing)]


def test_a_missing_program_comes_with_how_to_get_it(run: Runs) -> None:
    run.extra = (MissingPlugin(),)
    result = run("steps: [{id: a, action: harness.run, with: {provider: missing, prompt: hello}}]\n")
    (step,) = result.record.steps
    assert "no-such-agent: command not found" in step.error
    assert "hint: install it: get no-such-agent" in step.error
