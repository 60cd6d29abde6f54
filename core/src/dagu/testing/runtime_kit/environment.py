"""Environment and arguments: what is asked for arrives, untouched, and nothing of the runner's own."""

from __future__ import annotations

import pytest

from dagu.contracts.capability import Capability
from dagu.testing.runtime_kit.base import Kit, needs
from dagu.testing.runtime_kit.lab import Lab

VALUES = {
    "KIT_PLAIN": "value",
    "KIT_EMPTY": "",
    "KIT_EQUALS": "a=b=c=",
    "KIT_NEWLINES": "one\ntwo\n\nfour\n",
    "KIT_SPACES": "  padded\t",
    "KIT_QUOTES": "'single' \"double\" `tick`",
    "KIT_DOLLAR": "$HOME ${HOME} $(id) %s \\n \\",
    "KIT_UNICODE": "naïve – 日本語 🦆",
    "kit_lower": "lower",
    "kit.dots-and-dashes": "odd",
    "_": "underscore",
    "9KIT": "digit first",
}

ARGUMENTS = ["", "a b", "*", "$HOME", "'\"`", "\\n", "-n", "two\nlines", "日本語", "; exit 9", "x" * 100_000]


class Environment(Kit):
    def test_values_arrive_untouched(self, lab: Lab) -> None:
        seen = _environment(lab.run("cat", "/proc/self/environ", env=VALUES).stdout)
        assert {name: seen.get(name) for name in VALUES} == VALUES

    @pytest.mark.parametrize("size", [1000, 100_000])
    def test_a_large_value(self, lab: Lab, size: int) -> None:
        seen = _environment(lab.run("cat", "/proc/self/environ", env={"KIT_LARGE": "x" * size}).stdout)
        assert seen["KIT_LARGE"] == "x" * size

    def test_many_values(self, lab: Lab) -> None:
        wanted = {f"KIT_{i}": f"value {i}" for i in range(1000)}
        seen = _environment(lab.run("cat", "/proc/self/environ", env=wanted).stdout)
        assert {name: seen.get(name) for name in wanted} == wanted

    def test_the_search_path_of_the_image_stays(self, lab: Lab) -> None:
        assert _environment(lab.run("cat", "/proc/self/environ", env={"KIT": "1"}).stdout)["PATH"]

    def test_nothing_of_the_runner_leaks(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DAGU_KIT_RUNNERS_OWN", "secret")
        assert b"DAGU_KIT_RUNNERS_OWN" not in lab.run("cat", "/proc/self/environ").stdout

    @needs(Capability.SHARED_CONTAINER)
    def test_an_exec_has_the_containers_environment_and_its_own(self, lab: Lab) -> None:
        container = lab.up(env={"KIT_A": "container", "KIT_B": "container"})
        env = VALUES | {"KIT_B": "exec"}
        seen = _environment(lab.exec(container, "cat", "/proc/self/environ", env=env).stdout)
        assert seen["KIT_A"] == "container"
        assert seen["KIT_B"] == "exec"
        assert {name: seen.get(name) for name in VALUES} == VALUES

    @needs(Capability.SHARED_CONTAINER)
    def test_an_execs_environment_ends_with_it(self, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DAGU_KIT_RUNNERS_OWN", "secret")
        container = lab.up()
        assert b"KIT_C" in lab.exec(container, "env", env={"KIT_C": "x"}).stdout
        after = lab.exec(container, "env").stdout
        assert b"KIT_C" not in after
        assert b"DAGU_KIT_RUNNERS_OWN" not in after

    def test_arguments_arrive_untouched(self, lab: Lab) -> None:
        result = lab.run("sh", "-c", 'for a; do printf "%s\\0" "$a"; done', "sh", *ARGUMENTS)
        assert result.stdout.decode().split("\0")[:-1] == ARGUMENTS

    @needs(Capability.SHARED_CONTAINER)
    def test_arguments_of_an_exec_arrive_untouched(self, lab: Lab) -> None:
        result = lab.exec(lab.up(), "sh", "-c", 'for a; do printf "%s\\0" "$a"; done', "sh", *ARGUMENTS)
        assert result.stdout.decode().split("\0")[:-1] == ARGUMENTS


def _environment(block: bytes) -> dict[str, str]:
    entries = block.decode().split("\0")[:-1]
    return dict(entry.split("=", 1) for entry in entries)
