"""Cases: the facts hold, and the provider is a pure function of its task."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from dagu.contracts.provider import FileArgument, HarnessTask, PromptChannel
from dagu.testing.provider_kit.frame import Bench, Kit

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_MARK = "marked-prompt-4711"


class Facts(Kit):
    """What the spec says is true."""

    def test_names(self, bench: Bench) -> None:
        facts = bench.facts
        assert _NAME.fullmatch(bench.spec.name), "a provider's name is lower case words joined by dashes"
        assert bench.spec.summary
        assert "\n" not in bench.spec.summary
        assert facts.binary
        assert not re.search(r"[/\s]", facts.binary), "binary is a program's name, found on the PATH"
        assert [name for name in facts.credentials if not _VARIABLE.fullmatch(name)] == []
        assert [name for name in facts.hosts if not _HOST.fullmatch(name)] == []

    def test_program_is_the_binary(self, bench: Bench) -> None:
        assert bench.provider().invocation(HarnessTask(prompt="x")).argv[0] == bench.facts.binary

    def test_prompt_travels_as_the_facts_say(self, bench: Bench) -> None:
        invocation = bench.provider().invocation(HarnessTask(prompt=_MARK, options=self.options))
        places = {
            PromptChannel.STDIN: _MARK.encode() in (invocation.stdin or b""),
            PromptChannel.FILE: any(_MARK.encode() in content for content in invocation.files.values()),
            PromptChannel.ARGUMENT: any(isinstance(a, str) and _MARK in a for a in invocation.argv),
        }
        assert [channel for channel, there in places.items() if there] == [bench.facts.prompt_channel]

    def test_files_are_named_by_arguments(self, bench: Bench) -> None:
        invocation = bench.provider().invocation(HarnessTask(prompt=_MARK, options=self.options))
        named = [argument.name for argument in invocation.argv if isinstance(argument, FileArgument)]
        assert sorted(named) == sorted(invocation.files)
        assert [name for name in named if "/" in name or name.startswith(".")] == []

    def test_events_only_when_promised_and_wanted(self, bench: Bench) -> None:
        provider = bench.provider()
        wanted = provider.invocation(HarnessTask(prompt="x", options=self.options))
        unwanted = provider.invocation(HarnessTask(prompt="x", options=self.options, events=False))
        assert wanted.events == bench.facts.event_stream
        assert not unwanted.events
        if not bench.facts.event_stream:
            assert wanted == unwanted

    def test_same_task_same_invocation(self, bench: Bench) -> None:
        task = HarnessTask(prompt=_MARK, options=self.options, stdin=b"input")
        provider = bench.provider()
        first = provider.invocation(task)
        with ThreadPoolExecutor(8) as pool:
            others = list(pool.map(provider.invocation, [task] * 64))
        assert all(other == first for other in others)
        assert bench.provider().invocation(task) == first

    def test_environment_is_not_read(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        task = HarnessTask(prompt=_MARK, options=self.options)
        before = bench.provider().invocation(task)
        for name in (*bench.facts.credentials, "HOME", "PATH"):
            monkeypatch.setenv(name, "secret-0815")
        assert bench.provider().invocation(task) == before

    def test_secrets_are_not_on_the_command_line(self, bench: Bench) -> None:
        secrets = dict.fromkeys(bench.facts.credentials, "secret-0815")
        call = bench.call(HarnessTask(prompt=_MARK, options=self.options), env=secrets)
        assert "secret-0815" not in " ".join(call.argv)
        assert [name for name in secrets if call.env.get(name) != "secret-0815"] == []
