"""Run the conformance kit against a runtime, and tell how it went as a table."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from dagu.contracts.runtime import ContainerRuntime
from dagu.errors import UsageError
from dagu.testing import need_pytest

CASES = Path(__file__).parent / "runtime_kit" / "certified.py"

# As little as possible of what the user's own pytest is configured with may bear on the result.
ARGUMENTS = (
    str(CASES),
    "--import-mode=importlib",
    f"--rootdir={CASES.parent}",
    f"--config-file={os.devnull}",
    "--capture=no",
    *(
        "-p",
        "no:cacheprovider",
        "-p",
        "no:faulthandler",
        "-p",
        "no:randomly",
        "-p",
        "no:terminal",
        "-p",
        "no:xdist",
    ),
)

Outcome = Literal["passed", "failed", "not declared", "known difference"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """How one case went.

    Attributes:
        case: Its name, with the parameter in brackets.
        capability: The capabilities that it is about, comma-separated; empty when every runtime must pass it.
        seconds: How long it took, with making and removing what it needed.
        reason: Why it failed, or is known to; empty when it passed.
    """

    case: str
    capability: str
    outcome: Outcome
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """How all cases went, in the order in which they ran."""

    rows: tuple[Row, ...]
    runtime: str = ""
    counts: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        counts = dict.fromkeys(("passed", "failed", "not declared", "known difference"), 0)
        for row in self.rows:
            counts[row.outcome] += 1
        object.__setattr__(self, "counts", counts)

    @property
    def passed(self) -> bool:
        """Whether something was run and nothing failed."""
        return bool(self.counts["passed"]) and not self.counts["failed"]

    def as_json(self) -> dict[str, Any]:
        """The report as values that ``json.dumps`` takes."""
        return {
            "runtime": self.runtime,
            "passed": self.passed,
            "counts": dict(self.counts),
            "cases": [asdict(row) for row in self.rows],
        }

    def render(self, *, width: int = 120) -> str:
        """The report as a table for a terminal of that many columns."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table("case", "capability", "outcome", "seconds", "reason")
        for row in self.rows:
            cells = (row.case, row.capability, row.outcome, f"{row.seconds:.2f}", row.reason)
            table.add_row(*(Text(cell) for cell in cells))
        console = Console(file=io.StringIO(), width=width, force_terminal=False)
        console.print(table)
        console.print(", ".join(f"{count} {outcome}" for outcome, count in self.counts.items() if count))
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()


def certify(
    runtime_factory: Callable[[], ContainerRuntime],
    *,
    image: str,
    pull_image: str = "",
    shared_root: str = "",
    known_differences: Mapping[str, str] | None = None,
    only: str = "",
    on_row: Callable[[Row], object] | None = None,
) -> Report:
    """Run every case of the kit on a runtime.

    Args:
        runtime_factory: Makes the runtime; it is called once, and what it made is closed at the end.
        image: A small image with a shell and the usual tools, already on the engine.
        pull_image: What the pull cases fetch; empty means ``image``.
        shared_root: Where directories for bind mounts are made; empty is the system's temporary directory.
        known_differences: Case name to the reason why this runtime fails it.
        only: An expression over case names, as pytest's ``-k`` takes it; empty is all.
        on_row: Called after each case.

    Raises:
        ImportError: pytest is not installed.
        UsageError: ``only`` matches no case, or ``known_differences`` does not fit.
        dagu.errors.RuntimeFailure: The engine is not reached.
    """
    pytest = need_pytest()
    from dagu.testing.collector import Collector

    given = {
        "image": image,
        "pull_image": pull_image,
        "shared_root": shared_root,
        "known_differences": dict(known_differences or {}),
    }
    with runtime_factory() as runtime:
        name = runtime.check().name
        collector = Collector(runtime, given, on_row or (lambda _row: None))
        code = pytest.main([*ARGUMENTS, *(["-k", only] if only else [])], plugins=[collector])
    if collector.unknown:
        raise UsageError(f"no case of the kit is named {', '.join(collector.unknown)}")
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise UsageError(f"no case of the kit matches {only!r}")
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code}, its reason is on standard error")
    return Report(tuple(collector.rows), name)
