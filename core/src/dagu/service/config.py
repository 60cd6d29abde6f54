"""Settings of the scheduler and of services: flags over environment over ``config.yaml`` over defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from types import MappingProxyType

from dagu.contracts.container import EMPTY
from dagu.errors import DaguError, Problem, UsageError
from dagu.history.home import dagu_home
from dagu.service.zones import local_zone, zone
from dagu.workflow.load import read_text
from dagu.workflow.parse import Unparsable, parse
from dagu.workflow.tree import Node

FILE = "config.yaml"
DEFAULTS = {
    "DAGU_HOST": "127.0.0.1",
    "DAGU_PORT": "8080",
    "DAGU_STOP_GRACE": "5",
    "DAGU_MAX_ACTIVE_RUNS": "100",
}
_PREFIX = "DAGU_"
_SECRET = ("DAGU_AUTH_", "DAGU_TLS_")
_PATHS = ("DAGU_DAGS_DIR", "DAGU_BASE_CONFIG")
_UNLIMITED = 10**9


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings.

    Attributes:
        dags_dir: Where workflows are stored.
        base_config: The file of root fields beneath every workflow; None without one.
        zone: In which schedules are meant that name no time zone.
        queues: How many runs of a queue may run at once, for those that are configured.
        max_active_runs: How many runs the scheduler has running at once, all queues together.
        stop_grace: Seconds that running runs have to end by themselves when the scheduler is told to stop.
        settings: Everything by environment name, also what only services know.
        run_environ: The environment of runs: without the secrets of services.
    """

    home: Path
    dags_dir: Path
    base_config: Path | None = None
    zone: tzinfo
    queues: Mapping[str, int] = field(default_factory=lambda: EMPTY)
    max_active_runs: int = 100
    stop_grace: float = 5.0
    settings: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)
    run_environ: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)


def load_config(environ: Mapping[str, str], flags: Mapping[str, str] = EMPTY) -> Config:
    """The settings of this process.

    Args:
        flags: By environment name; those of an empty value were not given.

    Raises:
        DaguError: With every mistake of the file, or what is wrong with a variable.
    """
    home = dagu_home({**environ, **_given(flags)})
    in_file, queues = _read(home / FILE)
    variables = {name: value for name, value in environ.items() if name.startswith(_PREFIX) and value}
    paths = {name: str(_path(in_file[name], home)) for name in _PATHS if in_file.get(name)}
    settings = {**DEFAULTS, **in_file, **paths, **variables, **_given(flags), "DAGU_HOME": str(home)}
    dags_dir = _path(settings.get("DAGU_DAGS_DIR", "") or str(home / "dags"), Path.cwd())
    base = settings.get("DAGU_BASE_CONFIG", "")
    settings["DAGU_DAGS_DIR"] = str(dags_dir)
    name = settings.get("DAGU_TZ", "")
    ours = {key: settings[key] for key in ("DAGU_HOME", "DAGU_DAGS_DIR")}
    if base:
        base = ours["DAGU_BASE_CONFIG"] = settings["DAGU_BASE_CONFIG"] = str(_path(base, Path.cwd()))
    return Config(
        home=home,
        dags_dir=dags_dir,
        base_config=Path(base) if base else None,
        zone=zone(name, said_by="DAGU_TZ") if name else local_zone(environ),
        queues=MappingProxyType(queues),
        max_active_runs=_count("DAGU_MAX_ACTIVE_RUNS", settings["DAGU_MAX_ACTIVE_RUNS"]),
        stop_grace=_seconds("DAGU_STOP_GRACE", settings["DAGU_STOP_GRACE"]),
        settings=MappingProxyType(settings),
        run_environ=MappingProxyType(
            {name: value for name, value in environ.items() if not name.startswith(_SECRET)} | ours
        ),
    )


def _given(flags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in flags.items() if value}


def _path(text: str, start: Path) -> Path:
    """A path; a relative one of the file starts beside the file, any other where the command was called."""
    return start / Path(text).expanduser()


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < _UNLIMITED:
        raise UsageError(f"{name} is {text!r}, which is no number of seconds")
    return seconds


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < _UNLIMITED:
        raise UsageError(f"{name} is {text!r}, which is no whole number from 1 on")
    return int(text)


def _read(path: Path) -> tuple[dict[str, str], dict[str, int]]:
    """The file's settings by environment name, and its queues."""
    if not path.exists():
        return {}, {}
    problems: list[Problem] = []
    try:
        roots = parse(read_text(path), file=str(path), problems=problems)
    except Unparsable as error:
        raise DaguError(str(error.problem)) from None
    found: dict[str, str] = {}
    queues: dict[str, int] = {}
    root = roots[0] if roots else None
    if root is not None and not root.is_null:
        if root.kind != "map" or len(roots) > 1:
            problems.append(_problem(root, "must be one mapping of settings"))
        else:
            for key, value in root.value:
                if key.text == "queues":
                    queues.update(_queues(value, problems))
                else:
                    found.update(_flat(_PREFIX + key.text.upper(), value, problems))
    if problems:
        raise DaguError("\n".join(str(problem) for problem in sorted(problems)))
    return found, queues


def _flat(name: str, node: Node, problems: list[Problem]) -> Iterator[tuple[str, str]]:
    """``tls: {cert: x}`` is ``DAGU_TLS_CERT=x``; a list is its items with commas between."""
    if node.kind == "map":
        for key, value in node.value:
            yield from _flat(f"{name}_{key.text.upper()}", value, problems)
    elif node.kind == "scalar":
        yield name, node.text
    elif all(item.kind == "scalar" for item in node.value):
        yield name, ",".join(item.text for item in node.value)
    else:
        problems.append(_problem(node, f"{name.removeprefix(_PREFIX).lower()}: a list may hold text only"))


def _queues(node: Node, problems: list[Problem]) -> Iterator[tuple[str, int]]:
    if node.kind != "map":
        problems.append(_problem(node, f"queues: must be a mapping of names, not {node.described}"))
        return
    for key, value in node.value:
        limit = value.get("max_active_runs") if value.kind == "map" else value
        extra = (
            [name for name, _ in value.value if name.text != "max_active_runs"] if value.kind == "map" else []
        )
        for name in extra:
            problems.append(_problem(name, f"queues.{key.text}: there is no {name.text!r} here"))
        if limit is None or limit.kind != "scalar" or type(limit.value) is not int or limit.value < 1:
            problems.append(
                _problem(
                    limit or value, f"queues.{key.text}.max_active_runs: must be a whole number from 1 on"
                )
            )
        else:
            yield key.text, limit.value


def _problem(node: Node, message: str) -> Problem:
    return Problem(node.file, node.line, node.column, message)
