"""Section 4.2 of the reference: shells."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Project

SHOW = 'printf "%s|" "$@"\n'


def recorder(dagu: Project, name: str, *, directory: str = "bin") -> Path:
    """A stand-in for a shell, which prints the arguments that it gets."""
    path = dagu.file(f"{directory}/{name}", f"#!/bin/sh\n{SHOW}")
    path.chmod(0o755)
    return path


class TestChoice:
    def test_the_first_that_is_given(self, dagu: Project) -> None:
        for name in ("own", "root", "configured", "login"):
            dagu.file(f"bin/{name}", f"#!/bin/sh\necho {name}\n").chmod(0o755)
        at = dagu.directory / "bin"
        step = "steps:\n  - {id: a, run: x%s}\n"
        root = f"shell: {at}/root\n"
        environ = {"DAGU_DEFAULT_SHELL": f"{at}/configured", "SHELL": f"{at}/login"}
        own = step % f", with: {{shell: {at}/own}}"
        assert dagu.start(root + own, **environ).stdout("a") == "own"
        assert dagu.start(root + step % "", **environ).stdout("a") == "root"
        assert dagu.start(step % "", **environ).stdout("a") == "configured"
        assert dagu.start(step % "", SHELL=f"{at}/login").stdout("a") == "login"

    def test_sh_if_nothing_is_given(self, dagu: Project) -> None:
        ended = dagu.start('steps: [{id: a, run: \'tr "\\0" " " </proc/$$/cmdline\'}]', SHELL="")
        assert ended.stdout("a").startswith("sh -e -c ")

    def test_a_string_is_split_in_words_and_a_list_is_not(self, dagu: Project) -> None:
        show = recorder(dagu, "show")
        ended = dagu.start(
            f"""
            shell: {show} 'one word' two
            shell_args: [three, 4]
            steps:
              - {{id: a, run: x}}
              - {{id: b, run: x, with: {{shell: ['{show}', one word, 2], shell_args: [three]}}}}
            """
        )
        assert ended.stdout("a") == "one word|two|three|4|-c|x|"
        assert ended.stdout("b") == "one word|2|three|-c|x|"

    def test_relative_paths_with_a_slash_start_at_the_steps_directory(self, dagu: Project) -> None:
        recorder(dagu, "show", directory="sub/bin")
        ended = dagu.start(
            "steps: [{id: a, run: x, working_dir: SUB, with: {shell: ./bin/show}}]".replace(
                "SUB", str(dagu.directory / "sub")
            )
        )
        assert ended.stdout("a") == "-c|x|"

    def test_a_default_shell_that_is_direct_fails_when_the_step_starts(self, dagu: Project) -> None:
        text = "steps: [{id: a, run: touch ran}]"
        assert dagu.validate(text, DAGU_DEFAULT_SHELL="direct").code == 0
        dagu.start(text, DAGU_DEFAULT_SHELL="direct").fails_with("direct")

    def test_references_are_replaced(self, dagu: Project) -> None:
        show = recorder(dagu, "show")
        ended = dagu.start(
            f"""
            params: [{{name: where, default: {show}}}]
            env: {{FLAG: -flag}}
            steps: [{{id: a, run: x, with: {{shell: '${{params.where}} $FLAG'}}}}]
            """
        )
        assert ended.stdout("a") == "-flag|-c|x|"


@pytest.mark.parametrize(
    ("shell", "printed"),
    [
        ("sh", "-e|-c|"),
        ("bash", "-e|-c|"),
        ("zsh", "-e|-c|"),
        ("ksh", "-e|-c|"),
        ("ash", "-e|-c|"),
        ("dash", "-e|-c|"),
        ("BASH.EXE", "-e|-c|"),
        ("bash -e", "-e|-c|"),
        ("bash -eu", "-eu|-c|"),
        ("bash -u -c", "-u|-e|-c|"),
        ("fish", "-c|"),
        ("fish -x", "-x|-c|"),
    ],
)
def test_what_is_added_to_a_root_shell(dagu: Project, shell: str, printed: str) -> None:
    name, _, rest = shell.partition(" ")
    path = recorder(dagu, name)
    ended = dagu.start(f"shell: {path} {rest}\nsteps: [{{id: a, run: 'the  text'}}]\n")
    assert ended.stdout("a") == f"{printed}the  text|"


@pytest.mark.parametrize(
    ("shell", "printed"),
    [("bash", "-c|"), ("bash -e", "-e|-c|"), ("bash -c", "-c|"), ("nix-shell --impure", "--impure|--run|")],
)
def test_a_shell_of_with_is_not_made_to_fail_fast(dagu: Project, shell: str, printed: str) -> None:
    name, _, rest = shell.partition(" ")
    path = recorder(dagu, name)
    ended = dagu.start(f"steps: [{{id: a, run: text, with: {{shell: '{path} {rest}'}}}}]\n")
    assert ended.stdout("a") == f"{printed}text|"


class TestOtherFamilies:
    def test_powershell(self, dagu: Project) -> None:
        path = recorder(dagu, "pwsh")
        ended = dagu.start(
            f"steps: [{{id: a, run: Get-Date, with: {{shell: '{path}'}}}}, "
            f"{{id: b, run: Get-Date, with: {{shell: '{path} -NoProfile -C'}}}}]\n"
        )
        *flags, text = ended.stdout("a").rstrip("|").split("|")
        assert flags == ["-NoProfile", "-NonInteractive", "-Command"]
        assert text.endswith("Get-Date")
        assert "UTF8" in text
        assert "Stop" in text
        assert ended.stdout("b").startswith("-NoProfile|-NonInteractive|-C|")

    def test_powershell_scripts_go_by_file(self, dagu: Project) -> None:
        path = recorder(dagu, "powershell")
        ended = dagu.start(
            f"steps:\n  - id: a\n    with: {{shell: '{path}'}}\n    run: |\n      Get-Date\n      Get-Date\n"
        )
        printed = ended.stdout("a").rstrip("|").split("|")
        assert printed[-4:-1] == ["-ExecutionPolicy", "Bypass", "-File"]

    def test_cmd_takes_its_program_from_comspec(self, dagu: Project) -> None:
        path = recorder(dagu, "comspec")
        ended = dagu.start(
            f"steps: [{{id: a, run: dir, env: {{COMSPEC: '{path}'}}, with: {{shell: cmd}}}}]\n"
        )
        assert ended.stdout("a") == "/c|dir|"

    def test_nix_shell(self, dagu: Project) -> None:
        path = recorder(dagu, "nix-shell")
        ended = dagu.start(
            f"shell: {path}\nsteps: [{{id: a, run: text}}, "
            f"{{id: b, run: text, with: {{shell: '{path}', shell_packages: [jq, curl]}}}}]\n"
        )
        assert ended.stdout("a") == "--pure|--run|set -e; text|"
        assert ended.stdout("b") == "-p|jq|-p|curl|--pure|--run|text|"

    def test_shell_packages_are_for_nix_shell(self, dagu: Project) -> None:
        text = "working_dir: .\nsteps: [{id: a, run: touch ran, with: {shell: sh, shell_packages: [jq]}}]\n"
        assert dagu.validate(text).code == 0
        dagu.start(text).fails_with("shell_packages")
        assert not (dagu.directory / "ran").exists()


@pytest.mark.parametrize(
    ("shell", "argument"),
    [
        ("bash -cecho", "-cecho"),
        ("bash -lc", "-lc"),
        ("bash -c -e", "-c"),
        ("pwsh -Command -NoLogo", "-Command"),
        ("pwsh -EncodedCommand", "-EncodedCommand"),
        ("nix-shell --run --pure", "--run"),
        ("fish -c -x", "-c"),
    ],
)
def test_fused_combined_and_early_carriers_are_named_and_nothing_starts(
    dagu: Project, shell: str, argument: str
) -> None:
    name, _, rest = shell.partition(" ")
    path = dagu.file(f"bin/{name}", f"#!/bin/sh\ntouch {dagu.directory}/ran\n")
    path.chmod(0o755)
    for where in (
        f"shell: {path} {rest}\nsteps: [{{id: a, run: x}}]\n",
        f"steps: [{{id: a, run: x, with: {{shell: '{path} {rest}'}}}}]\n",
    ):
        ended = dagu.start(where)
        ended.fails_with(argument)
        assert not (dagu.directory / "ran").exists()


class TestScriptForm:
    @pytest.mark.parametrize("argument", ["-c", "-s", "-ec", "-cecho", "-es"])
    def test_what_takes_text_from_elsewhere_is_rejected(self, dagu: Project, argument: str) -> None:
        ended = dagu.start(
            f"working_dir: .\nsteps:\n  - id: a\n    with: {{shell: sh {argument}}}\n"
            "    run: |\n      touch ran\n      true\n"
        )
        ended.fails_with("script form", argument)
        assert not (dagu.directory / "ran").exists()

    def test_arguments_then_the_file(self, dagu: Project) -> None:
        path = recorder(dagu, "bash")
        ended = dagu.start(
            f"shell: {path} -u\nsteps:\n  - id: a\n    run: |\n      x\n      y\n"
            f"  - id: b\n    with: {{shell: '{path} -x'}}\n    run: |\n      x\n      y\n"
        )
        assert ended.stdout("a").startswith("-u|-e|/")
        assert ended.stdout("b").startswith("-x|/")


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here to try")
def test_a_real_shell_with_its_own_options(dagu: Project) -> None:
    ended = dagu.start(
        """
        shell: bash -o pipefail
        steps:
          - {id: a, run: 'false | true'}
          - {id: b, run: 'false; echo on', with: {shell: bash}}
          - {id: c, run: 'false; echo on'}
        """
    )
    assert ended.steps == {"a": "failed", "b": "succeeded", "c": "failed"}
    assert ended.stdout("b") == "on"
