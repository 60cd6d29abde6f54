"""``harnesses``, ``harness`` and ``action: harness.run``."""

from __future__ import annotations

import pytest

from dagu.workflow.model import HarnessDefinition

STEPS = "steps: [{run: x}]\n"


def test_definitions(load):
    found = load(
        f"""\
        harnesses:
          mine:
            binary: my-agent
            prefix_args: [run, --quiet, 1]
            prompt_mode: flag
            prompt_flag: --prompt
            prompt_position: after_flags
            flag_style: single_dash
            option_flags: {{model: -m}}
          piped: {{binary: p, prompt_mode: stdin}}
          claude: ~
        {STEPS}"""
    ).harnesses
    assert found["mine"] == HarnessDefinition(
        binary="my-agent",
        prefix_args=("run", "--quiet", "1"),
        prompt_mode="flag",
        prompt_flag="--prompt",
        prompt_position="after_flags",
        flag_style="single_dash",
        option_flags={"model": "-m"},
    )
    assert found["claude"] is None


@pytest.mark.parametrize(
    ("value", "fragments"),
    [
        ("‸[a]", ("harnesses", "mapping")),
        ("{a: ‸b}", ("harnesses.a", "binary")),
        ("{a: ‸{}}", ("harnesses.a.binary", "required")),
        ("{a: {binary: ‸''}}", ("harnesses.a.binary", "blank")),
        ("{a: {binary: b, ‸promptMode: arg}}", ("did you mean 'prompt_mode'?",)),
        ("{a: {binary: b, prompt_mode: ‸file}}", ("arg, flag, stdin",)),
        ("{a: ‸{binary: b, prompt_mode: flag}}", ("harnesses.a.prompt_flag", "required")),
        ("{a: {binary: b, ‸prompt_flag: -p}}", ("harnesses.a.prompt_flag", "prompt_mode: flag only")),
        ("{a: {binary: b, prompt_mode: stdin, ‸prompt_flag: -p}}", ("prompt_flag", "stdin")),
        ("{a: {binary: b, prompt_position: ‸first}}", ("before_flags, after_flags",)),
        ("{a: {binary: b, flag_style: ‸windows}}", ("gnu_long, single_dash",)),
        ("{a: {binary: b, option_flags: {a: ‸[b]}}}", ("option_flags.a",)),
        ("{a: {binary: b, prefix_args: ‸x}}", ("prefix_args", "list")),
        ("{‸'a b': {binary: b}}", ("harness name",)),
    ],
)
def test_what_definitions_can_not_be(refused_here, value, fragments):
    refused_here(f"harnesses: {value}\n{STEPS}", *fragments)


def test_steps(load):
    found = load(
        """\
        steps:
          - action: harness.run
            with:
              provider: claude
              prompt: |
                Fix it.
              stdin: ${steps.a.outputs.x}
              model: sonnet
              max_turns: 5
              verbose: true
              allowed-tools: [Read, Edit]
              empty: ~
              fallback: [{provider: codex, model: x}]
            output_schema: {type: object}
        """
    ).steps[0]
    assert found.with_["prompt"] == "Fix it.\n"
    assert found.with_["allowed-tools"] == ("Read", "Edit")
    assert found.with_["fallback"] == ({"provider": "codex", "model": "x"},)
    assert found.output_schema == {"type": "object"}


def test_the_root_gives_what_steps_leave_out(load, refused):
    text = "{}steps:\n  - {{action: harness.run, with: {{prompt: hi}}}}\n"
    assert load(text.format("harness: {provider: codex, model: m}\n")).harness["model"] == "m"
    refused(text.format(""), "2:33", "steps[0].with.provider", "required", "harness")
    refused("harness: {provider: a}\nsteps:\n  - {action: harness.run}\n", "3:5", "with.prompt", "required")
    assert load("harness: {provider: a, prompt: b}\nsteps:\n  - {action: harness.run}\n")


@pytest.mark.parametrize(
    ("with_", "fragments"),
    [
        ("prompt: ‸''", ("with.prompt", "blank")),
        ("prompt: ‸[a]", ("with.prompt", "must be text")),
        ("prompt: a, ‸binary: b", ("'binary' is not supported", "harnesses")),
        ("prompt: a, ‸prompt-args: b", ("not supported",)),
        ("prompt: a, ‸--model: b", ("not the name of a flag",)),
        ("prompt: a, model: ‸{a: b}", ("with.model", "scalar")),
        ("prompt: a, model: [‸[b]]", ("with.model[0]",)),
        ("prompt: a, fallback: ‸x", ("with.fallback", "list")),
        ("prompt: a, fallback: [{provider: b, ‸fallback: []}]", ("with.fallback[0].fallback", "of its own")),
        ("prompt: a, fallback: [‸{model: b}]", ("with.fallback[0].provider", "required")),
        ("prompt: a, provider: ‸5", ("with.provider", "must be text")),
    ],
)
def test_what_with_can_not_be(refused_here, with_, fragments):
    provider = "" if "provider: ‸5" in with_ else "provider: x, "
    refused_here(
        f"steps:\n  - {{action: harness.run, with: {{{provider}{with_}}}}}\n", "steps[0].", *fragments
    )


def test_an_empty_fallback_switches_an_inherited_one_off(load):
    root = "harness: {provider: a, fallback: [{provider: b}]}\n"
    step = "steps:\n  - {action: harness.run, with: {prompt: c, fallback: []}}\n"
    assert load(root + step).steps[0].with_["fallback"] == ()


def test_a_container_of_a_harness_step_has_no_name(load, refused):
    text = (
        "steps:\n  - {{action: harness.run, with: {{provider: a, prompt: b}}, container: {{image: c{}}}}}\n"
    )
    assert load(text.format(""))
    refused(text.format(", name: d"), "2:81", "steps[0].container.name", "not allowed")
