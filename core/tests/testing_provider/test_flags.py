"""The rules by which options and prompts become arguments."""

from __future__ import annotations

from typing import Any

import pytest

from dagu.contracts.flags import flag_arguments, kebab_names, prompt_argument, prompt_bytes
from dagu.contracts.provider import ARGUMENT_LIMIT, HarnessTask, Option
from dagu.errors import TaskInvalid


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", ("--key", "text")),
        (" text ", ("--key", " text ")),
        (True, ("--key",)),
        (False, ()),
        (None, ()),
        ("", ()),
        ((), ()),
        ("true", ("--key",)),
        ("True", ("--key",)),
        ("tRUE", ("--key", "tRUE")),
        ("false", ()),
        ("10", ("--key", "10")),
        (" 10 ", ("--key", "10")),
        ("1.10", ("--key", "1.10")),
        (0, ("--key", "0")),
        (1.0, ("--key", "1")),
        (100.0, ("--key", "100")),
        (0.25, ("--key", "0.25")),
        (1e-7, ("--key", "0.0000001")),
        (1e22, ("--key", "10000000000000000000000")),
        (("a", 2, True, ""), ("--key", "a", "--key", "2", "--key", "true", "--key", "")),
    ],
)
def test_values(value: Option, expected: tuple[str, ...]) -> None:
    assert flag_arguments({"key": value}) == expected


def test_order_and_spelling() -> None:
    options: dict[str, Option] = {"zeta": 1, "max_turns": 2, "alpha": True}
    assert flag_arguments(options) == ("--alpha", "--max-turns", "2", "--zeta", "1")
    assert flag_arguments(options, flag=lambda key: "-" + key)[1] == "-max_turns"


def test_every_refused_option_is_named() -> None:
    with pytest.raises(TaskInvalid, match=r"'binary', 'prompt_args'"):
        flag_arguments({"prompt_args": "x", "binary": "y"})
    with pytest.raises(TaskInvalid, match=r"'a b', 'c='"):
        flag_arguments({"a b": "x", "c=": "y"})


@pytest.mark.parametrize("value", [{"a": 1}, (("a",),), ({"a": 1},)])
def test_what_a_flag_cant_hold_is_refused(value: Any) -> None:
    with pytest.raises(TaskInvalid, match="'key' is no text"):
        flag_arguments({"key": value})


def test_one_option_in_two_spellings() -> None:
    assert kebab_names({"a_b": 1, "c": 2}) == {"a-b": "a_b", "c": "c"}
    with pytest.raises(TaskInvalid, match="'a_b' and 'a-b'"):
        kebab_names({"a_b": 1, "a-b": 2})


@pytest.mark.parametrize(
    ("prompt", "stdin", "expected"),
    [
        ("p", None, b"p"),
        ("p", b"", b"p"),
        ("p", b"i", b"p\n\ni"),
        ("p\n", b"i", b"p\n\ni"),
        ("p\n", None, b"p\n"),
    ],
)
def test_input_follows_after_an_empty_line(prompt: str, stdin: bytes | None, expected: bytes) -> None:
    task = HarnessTask(prompt=prompt, stdin=stdin)
    assert prompt_bytes(task) == expected
    assert prompt_argument(task, program="agent") == expected.decode()


def test_argument_limit_counts_bytes_and_prefix() -> None:
    longest = "é" * ((ARGUMENT_LIMIT - 3) // 2)
    assert prompt_argument(HarnessTask(prompt=longest), program="agent", prefix="-p=").startswith("-p=")
    with pytest.raises(TaskInvalid, match=r"131,072 bytes.*agent.*131,071"):
        prompt_argument(HarnessTask(prompt="x" * (ARGUMENT_LIMIT + 1)), program="agent")


def test_input_that_cant_be_folded() -> None:
    for stdin in (b"\xff", b"\0"):
        with pytest.raises(TaskInvalid, match="agent takes extra input only as a part of its prompt"):
            prompt_argument(HarnessTask(prompt="p", stdin=stdin), program="agent")
        assert prompt_argument(HarnessTask(prompt="p", stdin=stdin), program="agent", fold=False) == "p"
