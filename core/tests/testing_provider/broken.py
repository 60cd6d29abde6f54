"""A good provider and its broken sisters. Run by ``test_provider_kit.py``, each class names the cases that fail."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from dagu.contracts.flags import check_keys, check_prompt, flag_arguments, prompt_argument, prompt_bytes
from dagu.contracts.provider import (
    EventKind,
    HarnessEvent,
    HarnessProvider,
    HarnessTask,
    Invocation,
    PromptChannel,
    ProviderFacts,
    Usage,
)
from dagu.contracts.specs import ProviderSpec
from dagu.testing import ProviderConformance


class Good(HarnessProvider):
    def invocation(self, task: HarnessTask) -> Invocation:
        argv = ("agent", *flag_arguments(task.options), *(("--events",) if task.events else ()))
        return Invocation(argv=argv, stdin=prompt_bytes(task), events=task.events)

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return ()
        if not isinstance(event, dict) or not isinstance(event.get("answer"), str):
            return ()
        tokens = event.get("tokens")
        spent = Usage(output=tokens) if type(tokens) is int and 0 <= tokens < 10**15 else None
        return [HarnessEvent(kind=EventKind.END, text=event["answer"], usage=spent)]


class Case(ProviderConformance):
    provider: ClassVar[type[HarnessProvider]] = Good
    facts: ClassVar[ProviderFacts] = ProviderFacts(
        binary="agent", prompt_channel=PromptChannel.STDIN, credentials=("AGENT_KEY",), event_stream=True
    )
    fails: ClassVar[set[str]] = set()
    stream = b'{"answer": "done", "tokens": 7}\n{"other": 1}\n'
    answer = "done"
    usage = Usage(output=7)

    @pytest.fixture
    def spec(self) -> ProviderSpec:
        return ProviderSpec(name="agent", summary="An agent", facts=self.facts, factory=self.provider)


class TestGood(Case):
    pass


class PromptTwice(Good):
    def invocation(self, task: HarnessTask) -> Invocation:
        good = super().invocation(task)
        shown = task.prompt[:20].replace("\0", "")
        return Invocation(argv=(*good.argv, shown), stdin=good.stdin, events=good.events)


class TestPromptTwice(Case):
    provider = PromptTwice
    fails: ClassVar[set[str]] = {
        "test_prompt_travels_as_the_facts_say",
        "test_prompt_stays_off_the_command_line",
    }


class ReadsEnvironment(Good):
    def invocation(self, task: HarnessTask) -> Invocation:
        good = super().invocation(task)
        argv = (*good.argv, f"--key={os.environ.get('AGENT_KEY', '')}")
        return Invocation(argv=argv, stdin=good.stdin, events=good.events)


class TestReadsEnvironment(Case):
    provider = ReadsEnvironment
    fails: ClassVar[set[str]] = {"test_environment_is_not_read"}


class Strips(Good):
    def invocation(self, task: HarnessTask) -> Invocation:
        good = super().invocation(task)
        return Invocation(argv=good.argv, stdin=(good.stdin or b"").strip(), events=good.events)


class TestStrips(Case):
    provider = Strips
    fails: ClassVar[set[str]] = {
        "test_odd_prompt_arrives[spaces]",
        "test_odd_prompt_arrives[lines]",
        "test_long_prompt_arrives_or_is_refused",
        "test_extra_input_follows_the_prompt",
    }


class Trusting(Good):
    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        event: Any = json.loads(line)
        if "answer" not in event:
            return ()
        usage = Usage(output=event["tokens"])
        return [HarnessEvent(kind=EventKind.END, text=event["answer"], usage=usage)]


class TestTrusting(Case):
    provider = Trusting
    fails: ClassVar[set[str]] = {
        "test_cut_lines_never_raise",
        "test_lines_that_are_no_events",
        "test_odd_values_never_raise",
    }


class DropsOptions(Good):
    def invocation(self, task: HarnessTask) -> Invocation:
        check_keys(task.options)
        return super().invocation(HarnessTask(prompt=task.prompt, stdin=task.stdin, events=task.events))


class TestDropsOptions(Case):
    provider = DropsOptions
    fails: ClassVar[set[str]] = {"test_options_become_flags", "test_nul_in_an_option_is_refused"}


class TakesAnyPrompt(Good):
    def invocation(self, task: HarnessTask) -> Invocation:
        good = super().invocation(HarnessTask(prompt="", options=task.options, events=task.events))
        said = task.prompt.encode(errors="surrogatepass")
        return Invocation(argv=good.argv, stdin=said, events=good.events)


class TestTakesAnyPrompt(Case):
    provider = TakesAnyPrompt
    fails: ClassVar[set[str]] = {
        "test_nul_is_refused",
        "test_what_is_no_text_is_refused",
        "test_extra_input_follows_the_prompt",
        "test_extra_input_may_be_bytes",
    }


class Remembers(Good):
    count = 0

    def invocation(self, task: HarnessTask) -> Invocation:
        Remembers.count += 1
        good = super().invocation(task)
        return Invocation(argv=(*good.argv, str(self.count)), stdin=good.stdin, events=good.events)

    def read_events(self, line: bytes) -> Sequence[HarnessEvent]:
        self.seen = line + getattr(self, "seen", b"")
        return [] if self.seen.count(b"other") else super().read_events(line)


class TestRemembers(Case):
    provider = Remembers
    fails: ClassVar[set[str]] = {
        "test_same_task_same_invocation",
        "test_environment_is_not_read",
        "test_reading_keeps_nothing",
    }


class Silent(Good):
    def invocation(self, task: HarnessTask) -> Invocation:
        good = super().invocation(task)
        return Invocation(argv=good.argv, stdin=good.stdin)


class TestSilent(Case):
    provider = Silent
    fails: ClassVar[set[str]] = {"test_events_only_when_promised_and_wanted"}


ON_COMMAND_LINE = ProviderFacts(binary="agent", prompt_channel=PromptChannel.ARGUMENT)


class GoodArgument(HarnessProvider):
    def invocation(self, task: HarnessTask) -> Invocation:
        flags = flag_arguments(task.options)
        return Invocation(argv=("agent", *flags, "--", prompt_argument(task, program="agent")))


class ArgumentCase(Case):
    facts = ON_COMMAND_LINE
    stream = b""
    answer = ""
    usage = None


class TestGoodArgument(ArgumentCase):
    provider = GoodArgument


class BareArgument(HarnessProvider):
    def invocation(self, task: HarnessTask) -> Invocation:
        check_prompt(task.prompt)
        return Invocation(argv=("agent", *flag_arguments(task.options), task.prompt))


class TestBareArgument(ArgumentCase):
    provider = BareArgument
    fails: ClassVar[set[str]] = {
        "test_odd_prompt_arrives[dash]",
        "test_odd_prompt_arrives[dashes]",
        "test_long_prompt_arrives_or_is_refused",
        "test_extra_input_follows_the_prompt",
        "test_extra_input_may_be_bytes",
    }


class TestKnownDifference(Case):
    provider = Strips
    known_differences: ClassVar[dict[str, str]] = {
        "test_odd_prompt_arrives": "it strips",
        "test_long_prompt_arrives_or_is_refused": "it strips",
        "test_extra_input_follows_the_prompt": "it strips",
    }
    # Those odd prompts that do arrive are expected to fail, and that they pass is a failure.
    fails: ClassVar[set[str]] = {
        f"test_odd_prompt_arrives[{name}]"
        for name in ("at", "control", "dash", "dashes", "one letter", "quotes", "unicode")
    }


class TestUnrecorded(Case):
    stream = b""
    fails: ClassVar[set[str]] = {"test_recorded_stream_is_understood"}
