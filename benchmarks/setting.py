"""Where benchmarks run: a scratch directory, a clean environment, and processes that are timed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR")


@dataclass(frozen=True)
class Spent:
    """What a process took.

    Attributes:
        seconds: From before it was started until it was waited for.
        peak: Resident memory of the largest process of its tree, in bytes.
    """

    seconds: float
    peak: int = 0


@dataclass(frozen=True)
class Setting:
    """One benchmark's surroundings.

    Attributes:
        scratch: An empty directory; history and logs of the runner are in it.
        environ: What every process gets; the engine's variables are added per case.
        small: Only see that it works.
    """

    scratch: Path
    environ: Mapping[str, str]
    small: bool

    def size(self, full: int, small: int) -> int:
        """How much to do."""
        return small if self.small else full

    def dagu(self, *words: str, environ: Mapping[str, str] | None = None) -> Spent:
        """Run ``dagu`` as a user does."""
        return self.run([program("dagu"), *words], environ=environ)

    def run(
        self,
        argv: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        stdout: Path | None = None,
    ) -> Spent:
        """Run a process to its end.

        Args:
            stdout: A file for its output, which otherwise goes nowhere.

        Raises:
            SystemExit: It failed; a benchmark of something that fails says nothing.
        """
        with open(stdout or os.devnull, "wb") as out, open(self.scratch / "stderr", "w+b") as err:
            started = time.perf_counter()
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**self.environ, **(environ or {})},
                cwd=self.scratch,
            )
            _, status, used = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                err.seek(0)
                said = err.read()[-2000:].decode(errors="replace")
                raise SystemExit(f"{' '.join(argv)[:300]} failed ({process.returncode}):\n{said}")
        return Spent(seconds, used.ru_maxrss * 1024)

    def write(self, name: str, text: str) -> str:
        """Write a file into the scratch directory, and return its path."""
        path = self.scratch / name
        path.write_text(text)
        return str(path)


@contextmanager
def setting(*, small: bool) -> Iterator[Setting]:
    """A fresh setting; everything in it is removed afterwards."""
    with TemporaryDirectory(prefix="dagu-bench-") as folder:
        scratch = Path(folder)
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environ = {**kept, "DAGU_HOME": str(scratch / "home"), "SHELL": "/bin/sh"}
        yield Setting(scratch, environ, small)


def program(name: str) -> str:
    """A program that belongs to the running interpreter."""
    return str(Path(sys.executable).with_name(name))
