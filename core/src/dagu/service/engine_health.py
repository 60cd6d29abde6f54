"""Whether this machine's container engine answers, asked now and then by a process that lasts for days.

A process of its own asks: an engine's SDK would stay in memory, and a plugin may hang.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping

from dagu.contracts.shared import OK

_PATIENCE = 60.0
"""Seconds that an engine has to answer."""


class EngineHealth:
    """Asks the engine that the environment names. One thread asks, any may :meth:`stop` it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def look(self) -> str:
        """``ok``, or what is wrong, in a line."""
        argv = [sys.executable, "-P", "-m", "dagu", "doctor", "--json"]
        self._process = process = subprocess.Popen(
            argv,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._stopped:
            process.kill()
        try:
            out, errors = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"the engine did not answer within {_PATIENCE:g} s"
        if process.returncode in (0, 1) and out:
            return _problems(out)
        return " ".join(errors.split()) or f"dagu doctor ended with {process.returncode}"

    def stop(self) -> None:
        """End a question that is being asked."""
        self._stopped = True
        if self._process is not None:
            self._process.kill()


def _problems(report: str) -> str:
    rows = [row for row in json.loads(report) if row["state"] == "problem"]
    told = [f"{row['detail']} ({row['remedy']})" if row["remedy"] else row["detail"] for row in rows]
    return " ".join("; ".join(told).split()) or OK
