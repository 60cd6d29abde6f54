"""The ``dagu`` program."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TextIO

from dagu.cli import lazy
from dagu.cli.report import report
from dagu.cli.session import Session


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run one command line.

    Args:
        arguments: Without the program's name; None takes the process' own.
        environ: None takes the process' own.

    Returns:
        The exit status: 0 for success, 1 for failure, 2 for bad usage, 75 while the database is away, 128 + N after
        signal N.
    """
    # Nearly all that is made at the start stays, and looking through it time and again is a tenth of that time.
    gc.set_threshold(20_000)
    session = Session(os.environ if environ is None else environ)
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_encode(stream)
    try:
        lazy.root().main(
            list(sys.argv[1:] if arguments is None else arguments), prog_name="dagu", obj=session
        )
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception as error:  # noqa: BLE001 (the one place where errors become messages)
        return report(error, session.environ)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _let_go_of_lost(stream)
    return 0


def _let_go_of_lost(stream: TextIO) -> None:
    # What can't be written any more would end the interpreter with a status of its own, 120.
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _never_fail_to_encode(stream: TextIO) -> None:
    # A locale without a tree's line characters is no reason to lose the tree.
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
