"""From a task's options and prompt to arguments: the rules that every harness shares.

Pure functions for providers; those that raise, raise :class:`~dagu.errors.TaskInvalid`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from dagu.contracts.provider import ARGUMENT_LIMIT, HarnessTask, Option
from dagu.errors import TaskInvalid

REFUSED = ("binary", "prompt_args")
"""Options that would choose the program or its prompt; a custom harness is the place for that."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_BOOLEANS = {"true": True, "false": False}


def long_flag(key: str) -> str:
    """``snake_case`` to ``--kebab-case``."""
    return "--" + key.replace("_", "-")


def kebab_names(options: Mapping[str, Option]) -> dict[str, str]:
    """From the ``kebab-case`` names of the options to the names that they were given.

    Raises:
        TaskInvalid: One option was given in two spellings.
    """
    names: dict[str, str] = {}
    for key in options:
        name = key.replace("_", "-")
        if name in names:
            raise TaskInvalid(
                f"options {names[name]!r} and {key!r} are the same flag", hint="keep one of them"
            )
        names[name] = key
    return names


def flag_arguments(
    options: Mapping[str, Option], *, flag: Callable[[str], str] = long_flag
) -> tuple[str, ...]:
    """The arguments that a task's options become, in sorted order of their keys.

    A string or number is ``--key value``, true is ``--key``; false, None and an empty string or list are
    nothing; a list repeats the flag. The strings ``"true"`` and ``"false"`` are booleans.

    Args:
        flag: From an option's key to the flag as the program spells it.

    Raises:
        TaskInvalid: An option is refused, has a name that is no flag, or holds a NUL. It names the option.
    """
    check_keys(options)
    arguments: list[str] = []
    for key in sorted(options):
        value = _scalar(options[key])
        if isinstance(value, (tuple, list)):
            for item in value:
                arguments += (flag(key), _text(key, item))
        elif value is True:
            arguments.append(flag(key))
        elif value is not None and value is not False and value != "":
            arguments += (flag(key), _text(key, value))
    return tuple(arguments)


def check_keys(keys: Iterable[str]) -> None:
    """Refuse options that are no flags.

    Raises:
        TaskInvalid: With every such key.
    """
    refused = sorted(key for key in keys if key.replace("-", "_") in REFUSED)
    if refused:
        raise TaskInvalid(
            f"option {_listed(refused)} is not supported on a harness step",
            hint="define a harness of your own under 'harnesses' and name it as the provider",
        )
    odd = sorted(key for key in keys if not _KEY.fullmatch(key))
    if odd:
        raise TaskInvalid(
            f"option {_listed(odd)} is not the name of a flag",
            hint="write it without leading dashes, as letters, digits, '_', '-' and '.'",
        )


def switched_off(value: Option) -> bool:
    """Whether an option's value means "no": false, or the word for it."""
    return _scalar(value) is False


def check_prompt(prompt: str) -> None:
    """Refuse what no program can be given.

    Raises:
        TaskInvalid: The prompt holds a NUL, or a lone surrogate that has no UTF-8 form.
    """
    if "\0" in prompt:
        raise TaskInvalid("the prompt holds a NUL character", hint="remove it; agents read text")
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise TaskInvalid("the prompt is not text: it has no UTF-8 form") from error


def prompt_bytes(task: HarnessTask) -> bytes:
    """The prompt, and after an empty line the extra input, for standard input or a file.

    Raises:
        TaskInvalid: As :func:`check_prompt`.
    """
    check_prompt(task.prompt)
    prompt = task.prompt.encode()
    if not task.stdin:
        return prompt
    return prompt + (b"\n" if prompt.endswith(b"\n") else b"\n\n") + task.stdin


def prompt_argument(task: HarnessTask, *, program: str, prefix: str = "", fold: bool = True) -> str:
    """The prompt as one argument, ``prefix`` before it.

    Args:
        program: Named in the message.
        fold: Extra input becomes part of the prompt; False leaves it out, for programs that read it.

    Raises:
        TaskInvalid: The prompt is no text or too long for an argument, or the folded input is not text.
    """
    check_prompt(task.prompt)
    text = task.prompt
    if fold and task.stdin:
        try:
            text = prompt_bytes(task).decode()
        except UnicodeDecodeError as error:
            raise TaskInvalid(
                f"{program} takes extra input only as a part of its prompt, and this input is not UTF-8 text"
            ) from error
        if "\0" in text:
            raise TaskInvalid(
                f"{program} takes extra input only as a part of its prompt, and this input holds a NUL"
            )
    size = len(prefix.encode()) + len(text.encode())
    if size > ARGUMENT_LIMIT:
        raise TaskInvalid(
            f"the prompt has {size:,} bytes, and {program} takes it only on its command line, "
            f"where an argument has at most {ARGUMENT_LIMIT:,}",
            hint="put the text in a file in the working directory and let the prompt name it",
        )
    return prefix + text


def _scalar(value: Option) -> Option:
    if not isinstance(value, str):
        return value
    word = value.strip()
    if word.lower() in _BOOLEANS and word in (word.lower(), word.upper(), word.capitalize()):
        return _BOOLEANS[word.lower()]
    return word if _NUMBER.fullmatch(word) else value


def _text(key: str, value: object) -> str:
    if not isinstance(value, str | int | float):
        raise TaskInvalid(
            f"option {key!r} is no text, number, boolean or list of those",
            hint="give the flag's value as text",
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        from decimal import Decimal  # late: few options are fractions, and every command imports this module

        return format(Decimal(repr(value)).normalize(), "f")
    text = str(value)
    if "\0" in text:
        raise TaskInvalid(f"option {key!r} holds a NUL character")
    return text


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(repr(key) for key in keys)
