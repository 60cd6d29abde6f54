"""Reads what a page of the documentation promises: its files, and its commands with what they print.

A fence's info string says what a block is:

- ```` ```yaml NAME.yaml ```` (or any language with a file name): a file that the commands below find.
- ```` ```console ````: lines that begin with ``$ `` are run in a shell, in order, in one directory for the page;
  the other lines must be printed by the command above them. ``…`` stands for anything.
- ``exit=N`` after ``console``: the last command of the block ends with that status instead of 0.
- ``not-run: REASON`` after ``console`` or a language: shown only, with a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^\S+ (?P<name>[\w./-]+\.\w+)$")


@dataclass
class Command:
    """One command of a page, and the lines it must print."""

    text: str
    status: int = 0
    lines: list[str] = field(default_factory=list)


@dataclass
class Page:
    """Files and commands in the order in which they stand."""

    path: Path
    steps: list[tuple[str, str] | Command] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)


def read_page(path: Path) -> Page:
    """The promises of one page."""
    page = Page(path)
    for match in _FENCE.finditer(path.read_text()):
        info, body = match["info"].strip(), match["body"]
        page.languages.append(info)
        if "not-run:" in info:
            continue
        if named := _FILE.match(info):
            page.steps.append((named["name"], body))
        elif info.split()[0] == "console":
            page.steps += _commands(info, body)
    return page


def _commands(info: str, body: str) -> list[Command]:
    commands: list[Command] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            commands.append(Command(line[2:]))
        elif line.startswith("> ") and commands and not commands[-1].lines:
            commands[-1].text += "\n" + line[2:]
        elif commands:
            commands[-1].lines.append(line)
    if status := re.search(r"exit=(\d+)", info):
        commands[-1].status = int(status[1])
    return commands


def missing(lines: list[str], output: str) -> list[str]:
    """The promised lines that were not printed."""
    printed = [line.rstrip() for line in output.splitlines()]
    absent = []
    for line in lines:
        pattern = re.compile(".*".join(re.escape(part) for part in line.rstrip().split("…")))
        if line.strip() and not any(pattern.fullmatch(one) for one in printed):
            absent.append(line)
    return absent
