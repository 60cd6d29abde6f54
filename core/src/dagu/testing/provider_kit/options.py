"""Cases: options become flags by one rule, or are refused by their names."""

from __future__ import annotations

import pytest

from dagu.contracts.provider import HarnessTask, Option
from dagu.errors import TaskInvalid
from dagu.testing.provider_kit.frame import Bench, Kit

_GIVEN: dict[str, Option] = {
    "kit_word": "two words",
    "kit_on": True,
    "kit_off": False,
    "kit_number": 3,
    "kit_part": 0.25,
    "kit_none": None,
    "kit_empty": "",
    "kit_list": ("b", "a", 1),
    "kit_no_list": (),
    "kit_said": "true",
    "kit_unsaid": "false",
    "kit_ten": "10",
    "kit_zero": 0,
}
_EXPECTED = (
    ("--kit-list", "b"),
    ("--kit-list", "a"),
    ("--kit-list", "1"),
    ("--kit-number", "3"),
    ("--kit-on",),
    ("--kit-part", "0.25"),
    ("--kit-said",),
    ("--kit-ten", "10"),
    ("--kit-word", "two words"),
    ("--kit-zero", "0"),
)


class Options(Kit):
    """Options of every kind."""

    def test_options_become_flags(self, bench: Bench) -> None:
        provider = bench.provider()
        if not self.options_are_flags:
            with pytest.raises(TaskInvalid, match="kit_word"):
                provider.invocation(HarnessTask(prompt="p", options={**self.options, "kit_word": "x"}))
            return
        argv = list(bench.call(HarnessTask(prompt="p", options={**self.options, **_GIVEN})).argv)
        index = argv.index("--kit-list")
        for words in _EXPECTED:
            while argv[index] != words[0]:
                assert not argv[index].startswith("--kit-"), f"unexpected {argv[index]}"
                index += 1
            assert tuple(argv[index : index + len(words)]) == words
            index += len(words)
        assert not [word for word in argv[index:] if word.startswith("--kit-")]

    @pytest.mark.parametrize("name", ["binary", "prompt_args", "prompt-args"])
    def test_what_would_choose_the_program_is_refused(self, bench: Bench, name: str) -> None:
        with pytest.raises(TaskInvalid, match=name):
            bench.provider().invocation(HarnessTask(prompt="p", options={**self.options, name: "x"}))

    @pytest.mark.parametrize("name", ["--kit", "kit word", "kit=x", "", "kit\n"])
    def test_what_is_no_flag_is_refused(self, bench: Bench, name: str) -> None:
        with pytest.raises(TaskInvalid):
            bench.provider().invocation(HarnessTask(prompt="p", options={**self.options, name: "x"}))

    def test_nul_in_an_option_is_refused(self, bench: Bench) -> None:
        with pytest.raises(TaskInvalid, match="kit_word"):
            bench.provider().invocation(HarnessTask(prompt="p", options={**self.options, "kit_word": "a\0"}))
