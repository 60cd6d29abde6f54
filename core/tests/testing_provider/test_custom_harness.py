"""Harnesses that a workflow defines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagu.contracts.provider import ARGUMENT_LIMIT, HarnessTask, Invocation, PromptChannel
from dagu.errors import TaskInvalid
from dagu.run.steps.custom_harness import CustomHarness
from dagu.workflow.model import HarnessDefinition

TASK = HarnessTask(prompt="do it", options={"max_turns": 3, "model": "m", "yes": True})
FLAGS = ("--max_turns", "3", "--model", "m", "--yes")


def made(definition: HarnessDefinition, task: HarnessTask = TASK) -> Invocation:
    return CustomHarness(definition).invocation(task)


@pytest.mark.parametrize(
    ("definition", "argv"),
    [
        (HarnessDefinition(binary="a"), ("a", "do it", *FLAGS)),
        (HarnessDefinition(binary="a", prefix_args=("run", "-q")), ("a", "run", "-q", "do it", *FLAGS)),
        (HarnessDefinition(binary="a", prompt_position="after_flags"), ("a", *FLAGS, "do it")),
        (
            HarnessDefinition(binary="a", prompt_mode="flag", prompt_flag="-m"),
            ("a", "-m", "do it", *FLAGS),
        ),
        (
            HarnessDefinition(
                binary="a", prompt_mode="flag", prompt_flag="-m", prompt_position="after_flags"
            ),
            ("a", *FLAGS, "-m", "do it"),
        ),
        (HarnessDefinition(binary="a", prompt_mode="stdin"), ("a", *FLAGS)),
        (
            HarnessDefinition(binary="a", flag_style="single_dash"),
            ("a", "do it", "-max_turns", "3", "-model", "m", "-yes"),
        ),
        (
            HarnessDefinition(binary="a", option_flags={"max_turns": "/turns", "yes": "-y"}),
            ("a", "do it", "/turns", "3", "--model", "m", "-y"),
        ),
    ],
)
def test_command_line(definition: HarnessDefinition, argv: tuple[str, ...]) -> None:
    invocation = made(definition)
    assert invocation.argv == argv
    assert invocation.stdin == (b"do it" if definition.prompt_mode == "stdin" else None)
    assert not invocation.events


def test_extra_input() -> None:
    task = replace(TASK, stdin=b"more")
    assert made(HarnessDefinition(binary="a"), task).stdin == b"more"
    assert made(HarnessDefinition(binary="a", prompt_mode="stdin"), task).stdin == b"do it\n\nmore"


def test_facts() -> None:
    facts = CustomHarness(HarnessDefinition(binary="a", prompt_mode="stdin")).facts
    assert (facts.binary, facts.prompt_channel) == ("a", PromptChannel.STDIN)
    assert CustomHarness(HarnessDefinition(binary="a")).facts.prompt_channel is PromptChannel.ARGUMENT


def test_refusals() -> None:
    with pytest.raises(TaskInvalid, match="binary"):
        made(HarnessDefinition(binary="a"), replace(TASK, options={"binary": "b"}))
    with pytest.raises(TaskInvalid, match="NUL"):
        made(HarnessDefinition(binary="a", prompt_mode="stdin"), replace(TASK, prompt="\0"))
    long = replace(TASK, prompt="x" * (ARGUMENT_LIMIT + 1))
    with pytest.raises(TaskInvalid, match="only on its command line"):
        made(HarnessDefinition(binary="a"), long)
    assert made(HarnessDefinition(binary="a", prompt_mode="stdin"), long).stdin == long.prompt.encode()


def test_a_dash_at_the_beginning_is_the_definitions_affair() -> None:
    assert made(HarnessDefinition(binary="a"), HarnessTask(prompt="-x")).argv == ("a", "-x")
