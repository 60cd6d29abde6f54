"""Cases: every prompt arrives as it was written, or is refused."""

from __future__ import annotations

import pytest

from dagu.contracts.provider import ARGUMENT_LIMIT, HarnessTask
from dagu.errors import TaskInvalid
from dagu.testing.provider_kit.frame import Bench, Kit
from dagu.testing.recorder import Call

_MEGABYTE = "0123456789abcde\n" * 65_536
_ODD = {
    "lines": "one\n\ntwo\n\tthree  ",
    "quotes": "it's \"quoted\" `so` \\' and $HOME $(id) ${x} %s !!",
    "dash": "-rf / is what I typed",
    "dashes": "--version",
    "at": "@file and #hash",
    "unicode": "naïve 北京 🙂 e\u0301 \u202e \u00a0",
    "control": "bell\a escape\x1b[31m tab\t return\r end",
    "spaces": "  around  ",
    "one letter": "x",
}


class Prompts(Kit):
    """Prompts of every kind."""

    @pytest.mark.parametrize("name", sorted(_ODD))
    def test_odd_prompt_arrives(self, bench: Bench, name: str) -> None:
        prompt = _ODD[name]
        call = bench.call(HarnessTask(prompt=prompt, options=self.options))
        if bench.on_command_line:
            _assert_argument(call, prompt)
        else:
            assert bench.prompt_of(call) == prompt.encode()

    def test_prompt_stays_off_the_command_line(self, bench: Bench) -> None:
        if bench.on_command_line:
            pytest.skip("this program takes its prompt on the command line only")
        call = bench.call(HarnessTask(prompt="marked-prompt", options=self.options, stdin=b"marked-input"))
        assert not [argument for argument in call.argv if "marked-" in argument]
        assert not [name for name, value in call.env.items() if "marked-" in value]
        assert {file.mode & 0o077 for file in call.files.values()} <= {0}

    def test_long_prompt_arrives_or_is_refused(self, bench: Bench) -> None:
        task = HarnessTask(prompt=_MEGABYTE, options=self.options)
        if bench.on_command_line:
            with pytest.raises(TaskInvalid, match="argument"):
                bench.provider().invocation(task)
        else:
            assert bench.prompt_of(bench.call(task)) == _MEGABYTE.encode()

    def test_longest_argument_arrives(self, bench: Bench) -> None:
        if not bench.on_command_line:
            pytest.skip("this program does not take its prompt on the command line")
        prompt = "é" * (ARGUMENT_LIMIT // 2 - 64)
        _assert_argument(bench.call(HarnessTask(prompt=prompt, options=self.options)), prompt)

    def test_nul_is_refused(self, bench: Bench) -> None:
        with pytest.raises(TaskInvalid, match="NUL"):
            bench.provider().invocation(HarnessTask(prompt="a\0b", options=self.options))

    def test_what_is_no_text_is_refused(self, bench: Bench) -> None:
        with pytest.raises(TaskInvalid):
            bench.provider().invocation(HarnessTask(prompt="\ud800", options=self.options))

    def test_extra_input_follows_the_prompt(self, bench: Bench) -> None:
        call = bench.call(HarnessTask(prompt="the prompt", options=self.options, stdin=b"the input\n"))
        if not bench.on_command_line:
            assert bench.prompt_of(call) == b"the prompt\n\nthe input\n"
        elif call.stdin:
            assert call.stdin == b"the input\n"
            _assert_argument(call, "the prompt")
        else:
            _assert_argument(call, "the prompt\n\nthe input\n")

    def test_extra_input_may_be_bytes(self, bench: Bench) -> None:
        task = HarnessTask(prompt="the prompt", options=self.options, stdin=b"\xff\x00\xfe")
        if not bench.on_command_line:
            assert bench.prompt_of(bench.call(task)) == b"the prompt\n\n\xff\x00\xfe"
        elif bench.call(HarnessTask(prompt="p", options=self.options, stdin=b"text")).stdin:
            assert bench.call(task).stdin == task.stdin
        else:
            with pytest.raises(TaskInvalid, match="input"):
                bench.provider().invocation(task)


def _assert_argument(call: Call, prompt: str) -> None:
    found = [index for index, argument in enumerate(call.argv) if argument.endswith(prompt)]
    assert len(found) == 1, f"expected the prompt in one argument of {call.argv!r}"
    index = found[0]
    if call.argv[index] == prompt and prompt.startswith("-"):
        assert "--" in call.argv[:index], "a prompt that begins with a dash would be read as a flag"
