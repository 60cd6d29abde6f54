"""Options that several commands share."""

from __future__ import annotations

import enum
import json
import sys
from typing import Annotated, Any

import typer


class Format(enum.StrEnum):
    """How lists are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TextOrJson(enum.StrEnum):
    """How single things are printed."""

    TEXT = "text"
    JSON = "json"


AsJson = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
OnlyJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
"""Of commands without ``--format``."""
ListFormat = Annotated[Format, typer.Option("--format", "-f", help="How to print.")]
OneFormat = Annotated[TextOrJson, typer.Option("--format", "-f", help="How to print.")]


def app() -> typer.Typer:
    """A command's application: plain help, no traceback."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=dict) + "\n")


def print_csv(heads: list[str], rows: list[list[str]]) -> None:
    """Print rows as RFC 4180 has them, with plain line ends."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
