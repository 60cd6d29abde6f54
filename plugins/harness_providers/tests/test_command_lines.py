"""The command line of each provider, word for word."""

from __future__ import annotations

import importlib

import pytest

from dagu.contracts.provider import FileArgument, HarnessProvider, HarnessTask, Invocation, Option

QUIET: dict[str, tuple[object, ...]] = {
    "aider": ("aider", "--message-file", FileArgument("prompt.md"), "--model", "m"),
    "amp": ("amp", "-x", "--model", "m"),
    "claude": ("claude", "-p", "--model", "m"),
    "cline": ("cline", "--model", "m"),
    "codex": ("codex", "exec", "-", "--model", "m", "--skip-git-repo-check"),
    "copilot": ("copilot", "--model", "m"),
    "cursor": ("cursor-agent", "-p", "--model", "m", "--output-format", "text", "--", "do it"),
    "deepseek": ("dsh", "--profile", "headless", "--model", "m"),
    "droid": ("droid", "exec", "--model", "m"),
    "gemini": ("gemini", "--model", "m"),
    "goose": ("goose", "run", "--instructions", "-", "--model", "m", "--quiet"),
    "kiro": ("kiro-cli", "chat", "--no-interactive", "--model", "m"),
    "opencode": ("opencode", "run", "--model", "m"),
    "pi": ("pi", "-p", "--model", "m"),
    "qwen": ("qwen", "--model", "m"),
    "shell": ("sh", "-c", "do it", "--model", "m"),
}
STREAM: dict[str, tuple[str, ...]] = {
    "amp": ("--stream-json",),
    "claude": ("--output-format", "stream-json", "--verbose"),
    "cline": ("--json", "--", " "),
    "codex": ("--json",),
    "copilot": ("--output-format", "json"),
    "cursor": ("--output-format", "stream-json"),
    "deepseek": ("--json",),
    "droid": ("--output-format", "stream-json"),
    "gemini": ("--output-format", "stream-json"),
    "opencode": ("--format", "json"),
    "pi": ("--mode", "json"),
    "qwen": ("--output-format", "stream-json"),
}


def made(name: str, *, events: bool = False, stdin: bytes | None = None, **options: Option) -> Invocation:
    (spec,) = importlib.import_module(f"dagu_harness_providers.{name}").dagu_register_harness_providers()
    provider: HarnessProvider = spec.factory()
    return provider.invocation(HarnessTask(prompt="do it", options=options, events=events, stdin=stdin))


@pytest.mark.parametrize("name", sorted(QUIET))
def test_without_events(name: str) -> None:
    assert made(name, model="m").argv == QUIET[name]


@pytest.mark.parametrize("name", sorted(STREAM))
def test_with_events(name: str) -> None:
    invocation = made(name, events=True)
    assert invocation.events
    words = STREAM[name]
    places = range(len(invocation.argv))
    assert any(invocation.argv[place : place + len(words)] == words for place in places)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("amp", "stream_json_thinking", True),
        ("claude", "output_format", "json"),
        ("cline", "json", True),
        ("codex", "json", True),
        ("codex", "json", False),
        ("copilot", "output-format", "text"),
        ("cursor", "output_format", "json"),
        ("droid", "output_format", "json"),
        ("gemini", "output_format", "text"),
        ("opencode", "format", "default"),
        ("pi", "mode", "text"),
        ("qwen", "output_format", "json"),
    ],
)
def test_a_format_of_ones_own_leaves_the_output_alone(name: str, option: str, value: Option) -> None:
    invocation = made(name, events=True, **{option: value})
    assert not invocation.events
    flag = "--" + option.replace("_", "-")
    assert invocation.argv.count(flag) == (0 if value is False else 1)
    assert invocation.argv[-2:] == ("--", " ") or "stream-json" not in invocation.argv


def test_defaults_can_be_taken_away() -> None:
    assert "--skip-git-repo-check" not in made("codex", skip_git_repo_check=False).argv
    assert "--skip-git-repo-check" not in made("codex", skip_git_repo_check="false").argv
    assert "--quiet" not in made("goose", quiet=False).argv
    assert made("cursor", output_format="json").argv.count("--output-format") == 1


def test_claude_streams_verbosely_whatever_verbose_is() -> None:
    assert made("claude", events=True, verbose=False).argv.count("--verbose") == 1


def test_shell_reads_the_input_itself() -> None:
    assert made("shell", stdin=b"\xff").stdin == b"\xff"
