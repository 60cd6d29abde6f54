"""From a shell and a text to arguments: families, carriers of the text, and what is added.

A *carrier* is the argument that makes a shell take its text from the next one, ``-c`` for most. Programs are
looked up, and files written, by whoever runs the arguments.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from dagu.frozen import dataclass
from dagu.workflow.values.errors import ShellInvalid
from dagu.workflow.values.words import split_words

DIRECT = "direct"

_UTF8_AND_STOP = (
    "$ErrorActionPreference = 'Stop'; "
    "[Console]::OutputEncoding = $OutputEncoding = [System.Text.UTF8Encoding]::new($false); "
)


class Family(Enum):
    """Shells that are called alike."""

    UNIX = "unix"
    POWERSHELL = "powershell"
    CMD = "cmd"
    NIX = "nix-shell"
    OTHER = "other"


_FAMILIES = {
    **dict.fromkeys(("sh", "bash", "zsh", "ksh", "ash", "dash"), Family.UNIX),
    **dict.fromkeys(("pwsh", "powershell"), Family.POWERSHELL),
    "cmd": Family.CMD,
    "nix-shell": Family.NIX,
}


def family(program: str) -> Family:
    """The family of a program, by its base name without ``.exe``, in any case."""
    name = re.split(r"[/\\]", program)[-1].lower()
    return _FAMILIES.get(name.removesuffix(".exe"), Family.OTHER)


@dataclass(frozen=True, kw_only=True)
class ChosenShell:
    """The shell of a step, references replaced.

    Attributes:
        argv: Program and arguments, as authored.
        authored_with: Whether it is the step's own ``with.shell``: its ``-e`` is then the author's to give.
        packages: ``with.shell_packages``.
    """

    argv: tuple[str, ...]
    authored_with: bool = False
    packages: tuple[str, ...] = ()


def choose_shell(
    *,
    step: str | Sequence[str] = "",
    step_args: Sequence[str] = (),
    packages: Sequence[str] = (),
    root: str | Sequence[str] = "",
    root_args: Sequence[str] = (),
    default: str = "",
    login: str = "",
    windows_program: str = "",
    direct: bool = False,
) -> ChosenShell:
    """The first shell that is given: the step's, the root's, the configured default, ``$SHELL``, ``sh``.

    Args:
        default: The configured default, else ``DAGU_DEFAULT_SHELL``.
        login: ``$SHELL``.
        windows_program: What takes the place of ``sh`` on Windows: pwsh, powershell or cmd.
        direct: Whether ``direct``, no shell at all, is taken; its ``argv`` is empty then.

    Raises:
        ShellInvalid: The string can't be split in words, or the default is ``direct`` and that is not taken.
    """
    given = ((step, step_args), (root, root_args), (default, ()), (login, ()), (windows_program or "sh", ()))
    for index, (shell, args) in enumerate(given):
        words = split_words(shell) if isinstance(shell, str) else list(shell)
        if not words:
            continue
        if words[0].lower() == DIRECT and direct:
            return ChosenShell(argv=())
        if words[0].lower() == DIRECT:
            raise ShellInvalid(
                f"shell {DIRECT!r} can't run a command",
                hint="use the action exec to run a program without a shell",
            )
        return ChosenShell(argv=(*words, *args), authored_with=index == 0, packages=tuple(packages))
    raise AssertionError("sh is always given")


def located(argv: Sequence[str], directory: Path) -> tuple[str, ...]:
    """The arguments, their program made absolute where it is a relative path with a slash."""
    program, *rest = argv
    return (str(directory / program) if "/" in program else program, *rest)


def command_argv(
    shell: Sequence[str],
    text: str,
    *,
    authored_with: bool = False,
    packages: Sequence[str] = (),
    comspec: str = "",
    multiline: bool = False,
) -> tuple[str, ...]:
    """What runs one command: the shell, its arguments, what is added, the carrier, and the text as one argument.

    Args:
        shell: Program and arguments.
        text: The command, references replaced.
        authored_with: Whether the shell is the step's own: then nothing is added that ends it at an error.
        packages: Packages of nix-shell.
        comspec: ``COMSPEC`` of the environment, the program of ``cmd``.
        multiline: Whether the text may have several lines, as that of a condition may.

    Raises:
        ShellInvalid: The text has a line break; a carrier among the arguments is not the last of them, or stands
            together with something else; packages are given to another shell.
    """
    if not multiline and ("\n" in text or "\r" in text):
        raise ShellInvalid("the command has a line break once its references are replaced")
    program, *args = shell
    kind = family(program)
    _refuse_packages(kind, packages)
    args, carrier = _carried(kind, args)
    match kind:
        case Family.UNIX:
            added = [] if authored_with or _fails_fast(args) else ["-e"]
        case Family.POWERSHELL:
            added = _absent(args, "-NoProfile", "-NonInteractive")
            text = _UTF8_AND_STOP + text
        case Family.NIX:
            added = _nix(args, packages)
            text = text if authored_with else f"set -e; {text}"
        case Family.CMD:
            added = []
            program = comspec or program
        case Family.OTHER:
            added = []
    return (program, *args, *added, carrier, text)


def script_argv(
    shell: Sequence[str],
    file: str,
    *,
    authored_with: bool = False,
    packages: Sequence[str] = (),
    comspec: str = "",
) -> tuple[str, ...]:
    """What runs a script that was written to a file. The arguments are those of :func:`command_argv`.

    Raises:
        ShellInvalid: The arguments make the shell take its text from elsewhere; packages are given to a shell
            other than nix-shell.
    """
    program, *args = shell
    kind = family(program)
    _refuse_packages(kind, packages)
    match kind:
        case Family.UNIX:
            _refuse_in_script(args, re.compile(r"-[A-Za-z]*[cs].*"))
            return (program, *args, *([] if authored_with or _fails_fast(args) else ["-e"]), file)
        case Family.POWERSHELL:
            _refuse_in_script(args, _CARRIED[kind])
            args, carrier = _last(args, re.compile(r"(?i)-f(ile)?"), "-File")
            added = _absent(args, "-NoProfile", "-NonInteractive")
            if _absent(args, "-ExecutionPolicy"):
                added += ["-ExecutionPolicy", "Bypass"]
            return (program, *args, *added, carrier, file)
        case Family.CMD:
            args, carrier = _carried(kind, args)
            return (comspec or program, *args, carrier, file)
        case Family.NIX:
            args, carrier = _carried(kind, args)
            run = f"bash {'' if authored_with else '-e '}{shlex.quote(file)}"
            return (program, *args, *_nix(args, packages), carrier, run)
    return (program, *args, file)


def parse_shebang(text: str) -> tuple[str, ...] | None:
    """The interpreter and arguments of a script's first line; None where the script does not begin with ``#!``.

    Raises:
        ShellInvalid: No interpreter is named, or a quote or backslash is left open.
    """
    if not text.startswith("#!"):
        return None
    words = split_words(text[2:].partition("\n")[0].removesuffix("\r"))
    if not words or not words[0]:
        raise ShellInvalid("the script's first line begins with #! but names no interpreter")
    return tuple(words)


_CARRIERS = {
    Family.UNIX: (re.compile(r"-c"), "-c"),
    Family.POWERSHELL: (re.compile(r"(?i)-c(ommand)?"), "-Command"),
    Family.CMD: (re.compile(r"(?i)/c"), "/c"),
    Family.NIX: (re.compile(r"--run"), "--run"),
    Family.OTHER: (re.compile(r"-c"), "-c"),
}

# Whatever carries text, also in spellings that are refused: fused with it, in a cluster, abbreviated.
_CARRIED = {
    Family.UNIX: re.compile(r"-[A-Za-z]*c.*"),
    Family.POWERSHELL: re.compile(r"(?i)-(c|co|com|comm|comma|comman|command|ec?|en\w*|f|fi|fil|file)(:.*)?"),
    Family.CMD: re.compile(r"(?i)/[ck].*"),
    Family.NIX: re.compile(r"--(run|command)(=.*)?"),
    Family.OTHER: re.compile(r"-c.*|-[A-Za-z]{1,3}c"),
}


def _carried(kind: Family, args: Sequence[str]) -> tuple[list[str], str]:
    """The arguments without their carrier, and the carrier: theirs, or the family's."""
    exact, default = _CARRIERS[kind]
    kept, carrier = _last(args, exact, default)
    for arg in kept:
        if _CARRIED[kind].fullmatch(arg):
            raise ShellInvalid(
                f"shell argument {arg!r} can't stand before the command",
                hint=f"leave it out: the command is passed with {default}",
            )
    return kept, carrier


def _last(args: Sequence[str], carrier: re.Pattern[str], default: str) -> tuple[list[str], str]:
    if args and carrier.fullmatch(args[-1]):
        return list(args[:-1]), args[-1]
    return list(args), default


def _refuse_in_script(args: Sequence[str], pattern: re.Pattern[str]) -> None:
    kept = args[:-1] if args and re.fullmatch(r"(?i)-f(ile)?", args[-1]) else args
    for arg in kept:
        if pattern.fullmatch(arg):
            raise ShellInvalid(
                f"in script form the shell argument {arg!r} can't be used",
                hint="leave it out: the script is passed as a file",
            )


def _refuse_packages(kind: Family, packages: Sequence[str]) -> None:
    if packages and kind is not Family.NIX:
        raise ShellInvalid(
            "shell_packages needs the shell nix-shell", hint="set shell: nix-shell, or leave them out"
        )


def _fails_fast(args: Sequence[str]) -> bool:
    return any(re.fullmatch(r"-[A-Za-z]*e[A-Za-z]*", arg) for arg in args)


def _absent(args: Sequence[str], *flags: str) -> list[str]:
    present = {arg.lower() for arg in args}
    return [flag for flag in flags if flag.lower() not in present]


def _nix(args: Sequence[str], packages: Sequence[str]) -> list[str]:
    added = [word for package in packages for word in ("-p", package)]
    return added if "--pure" in args or "--impure" in args else [*added, "--pure"]
