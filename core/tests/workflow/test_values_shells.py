"""Shells and scripts: section by section, a test for each rule."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dagu.workflow.values.errors import ShellInvalid
from dagu.workflow.values.shells import (
    Family,
    choose_shell,
    command_argv,
    family,
    located,
    parse_shebang,
    script_argv,
)
from dagu.workflow.values.words import split_words

# Which shell


def test_step_shell_comes_first_and_is_the_authors() -> None:
    chosen = choose_shell(
        step="bash -u", step_args=["-o", "pipefail"], root="zsh", default="dash", login="/bin/ksh"
    )
    assert chosen.argv == ("bash", "-u", "-o", "pipefail")
    assert chosen.authored_with


def test_root_shell_with_its_arguments_comes_next() -> None:
    chosen = choose_shell(root=["zsh", "-f"], root_args=["-u"], default="dash", login="/bin/ksh")
    assert chosen.argv == ("zsh", "-f", "-u")
    assert not chosen.authored_with


@pytest.mark.parametrize(
    ("given", "argv"),
    [
        ({"default": "dash -x", "login": "/bin/ksh"}, ("dash", "-x")),
        ({"login": "/bin/ksh"}, ("/bin/ksh",)),
        ({}, ("sh",)),
        ({"windows_program": "pwsh"}, ("pwsh",)),
        ({"default": "  ", "login": ""}, ("sh",)),
    ],
)
def test_then_default_then_login_shell_then_sh(given: dict[str, str], argv: tuple[str, ...]) -> None:
    assert choose_shell(**given).argv == argv


def test_a_default_shell_direct_is_refused() -> None:
    with pytest.raises(ShellInvalid, match="direct"):
        choose_shell(default="direct")


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("sh", Family.UNIX),
        ("/usr/local/bin/BASH", Family.UNIX),
        ("dash.exe", Family.UNIX),
        ("C:\\Tools\\PwSh.EXE", Family.POWERSHELL),
        ("cmd", Family.CMD),
        ("nix-shell", Family.NIX),
        ("fish", Family.OTHER),
        ("bash.sh", Family.OTHER),
    ],
)
def test_family_goes_by_base_name(program: str, expected: Family) -> None:
    assert family(program) is expected


def test_relative_paths_start_at_the_directory() -> None:
    assert located(["./tools/sh", "./x"], Path("/step"))[0] == "/step/tools/sh"
    assert located(["sh"], Path("/step")) == ("sh",)
    assert located(["/bin/sh"], Path("/step")) == ("/bin/sh",)


# Command form


def test_text_is_one_argument_after_the_carrier() -> None:
    assert command_argv(["fish", "-N"], "echo 'a b' | cat") == ("fish", "-N", "-c", "echo 'a b' | cat")


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "ksh", "ash", "dash"])
def test_unix_shells_end_at_the_first_error(shell: str) -> None:
    assert command_argv([shell], "x") == (shell, "-e", "-c", "x")
    assert command_argv([shell], "x", authored_with=True) == (shell, "-c", "x")


@pytest.mark.parametrize("args", [["-e"], ["-eu"], ["-ue", "-o", "pipefail"]])
def test_what_is_there_is_not_added_again(args: list[str]) -> None:
    assert command_argv(["bash", *args], "x") == ("bash", *args, "-c", "x")


def test_additions_precede_a_carrier_among_the_arguments() -> None:
    assert command_argv(["bash", "-u", "-c"], "x") == ("bash", "-u", "-e", "-c", "x")
    assert command_argv(["pwsh", "-c"], "x")[:4] == ("pwsh", "-NoProfile", "-NonInteractive", "-c")


@pytest.mark.parametrize(
    ("shell", "refused"),
    [
        (["sh", "-cecho"], "-cecho"),
        (["bash", "-lc"], "-lc"),
        (["bash", "-ec"], "-ec"),
        (["bash", "-c", "-e"], "-c"),
        (["bash", "-c", "-c"], "-c"),
        (["pwsh", "-Command", "-NoLogo"], "-Command"),
        (["pwsh", "-EncodedCommand"], "-EncodedCommand"),
        (["pwsh", "-enc", "-c"], "-enc"),
        (["cmd", "/cecho"], "/cecho"),
        (["nix-shell", "--run", "--pure"], "--run"),
        (["nix-shell", "--command=x"], "--command=x"),
        (["fish", "-cecho"], "-cecho"),
        (["fish", "-lc"], "-lc"),
    ],
)
def test_fused_combined_and_early_carriers_are_refused(shell: list[str], refused: str) -> None:
    with pytest.raises(ShellInvalid) as caught:
        command_argv(shell, "SECRET TEXT")
    assert repr(refused) in caught.value.message
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "args", [["--norc"], ["-o", "pipefail"], ["-C"], ["--rcfile", "x"], ["-x", "+o", "posix"]]
)
def test_other_arguments_stay(args: list[str]) -> None:
    assert command_argv(["bash", *args], "x") == ("bash", *args, "-e", "-c", "x")


def test_powershell_is_quiet_utf8_and_stops_at_errors() -> None:
    *args, text = command_argv(["pwsh", "-NoLogo"], "Write-Error x")
    assert args == ["pwsh", "-NoLogo", "-NoProfile", "-NonInteractive", "-Command"]
    assert text.endswith("Write-Error x")
    assert "ErrorActionPreference = 'Stop'" in text
    assert "UTF8" in text
    assert command_argv(["powershell", "-noprofile", "-NONINTERACTIVE"], "x")[1:4] == (
        "-noprofile",
        "-NONINTERACTIVE",
        "-Command",
    )


def test_cmd_is_the_program_of_comspec() -> None:
    assert command_argv(["cmd"], "dir", comspec="C:\\cmd.exe") == ("C:\\cmd.exe", "/c", "dir")
    assert command_argv(["cmd", "/Q", "/C"], "dir") == ("cmd", "/Q", "/C", "dir")


def test_nix_shell_gets_packages_and_purity() -> None:
    argv = command_argv(["nix-shell"], "hello", packages=["hello", "jq"])
    assert argv == ("nix-shell", "-p", "hello", "-p", "jq", "--pure", "--run", "set -e; hello")
    assert command_argv(["nix-shell", "--impure"], "x", authored_with=True) == (
        "nix-shell",
        "--impure",
        "--run",
        "x",
    )


def test_packages_need_nix_shell() -> None:
    with pytest.raises(ShellInvalid, match="shell_packages"):
        command_argv(["bash"], "x", packages=["jq"])
    with pytest.raises(ShellInvalid, match="shell_packages"):
        script_argv(["bash"], "/f", packages=["jq"])


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\n"])
def test_a_command_of_several_lines_is_refused(text: str) -> None:
    with pytest.raises(ShellInvalid, match="line break"):
        command_argv(["sh"], text)
    assert command_argv(["sh"], text, multiline=True)[-1] == text


# Script form


def test_a_script_is_a_file_after_the_arguments() -> None:
    assert script_argv(["bash", "-u"], "/tmp/s") == ("bash", "-u", "-e", "/tmp/s")
    assert script_argv(["bash"], "/tmp/s", authored_with=True) == ("bash", "/tmp/s")
    assert script_argv(["python3", "-c"], "/tmp/s") == ("python3", "-c", "/tmp/s")


@pytest.mark.parametrize("refused", ["-c", "-s", "-lc", "-es", "-cecho", "-sx"])
def test_unix_scripts_refuse_arguments_that_take_the_text_from_elsewhere(refused: str) -> None:
    with pytest.raises(ShellInvalid) as caught:
        script_argv(["sh", refused], "/tmp/s")
    assert "script form" in caught.value.message
    assert repr(refused) in caught.value.message


def test_powershell_scripts() -> None:
    expected = ("pwsh", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", "/tmp/s.ps1")
    assert script_argv(["pwsh"], "/tmp/s.ps1") == expected
    assert script_argv(["pwsh", "-f"], "/tmp/s.ps1")[-2:] == ("-f", "/tmp/s.ps1")
    for args in (["-Command"], ["-File", "-NoLogo"], ["-c", "-File"]):
        with pytest.raises(ShellInvalid, match="script form"):
            script_argv(["pwsh", *args], "/tmp/s.ps1")


def test_cmd_and_nix_scripts() -> None:
    assert script_argv(["cmd"], "C:\\s.bat", comspec="C:\\cmd.exe") == ("C:\\cmd.exe", "/c", "C:\\s.bat")
    assert script_argv(["nix-shell"], "/tmp/a b") == ("nix-shell", "--pure", "--run", "bash -e '/tmp/a b'")
    with pytest.raises(ShellInvalid):
        script_argv(["cmd", "/c", "echo"], "C:\\s.bat")


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("#!/bin/sh\nx", ("/bin/sh",)),
        ("#!/usr/bin/env -S python3 -u\r\nx", ("/usr/bin/env", "-S", "python3", "-u")),
        ("#! 'my sh' a\\ b $HOME\n", ("my sh", "a b", "$HOME")),
        ("#!sh 'a\\b'\\'c\n", ("sh", "a\\b'c")),
        ("#!sh", ("sh",)),
    ],
)
def test_first_line_names_the_interpreter(text: str, argv: tuple[str, ...]) -> None:
    assert parse_shebang(text) == argv


@pytest.mark.parametrize(
    "text", ["", "echo\n#!/bin/sh", "\n#!/bin/sh", " #!/bin/sh", "\ufeff#!/bin/sh", "# !/bin/sh"]
)
def test_anything_else_is_no_first_line(text: str) -> None:
    assert parse_shebang(text) is None


@pytest.mark.parametrize("text", ["#!\nx", "#!  \t\nx", "#!'sh\nx'", "#!sh \\\nx", "#!''\nx"])
def test_without_interpreter_or_with_an_open_quote_nothing_starts(text: str) -> None:
    with pytest.raises(ShellInvalid):
        parse_shebang(text)


def test_words() -> None:
    assert split_words("") == []
    assert split_words("a  b\t'' \"c d\"e") == ["a", "b", "", "c de"]


# The shells themselves agree


def test_a_real_shell_stops_where_the_table_says() -> None:
    def printed(argv: tuple[str, ...]) -> bytes:
        return subprocess.run(argv, capture_output=True, check=False).stdout

    assert printed(command_argv(["sh"], "echo a; false; echo b")) == b"a\n"
    assert printed(command_argv(["sh"], "echo a; false; echo b", authored_with=True)) == b"a\nb\n"
