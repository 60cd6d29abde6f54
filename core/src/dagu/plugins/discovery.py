"""Finding plugins, each by itself: one that is broken is set aside with the reason, and the rest works."""

from __future__ import annotations

import difflib
import importlib.metadata
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import pluggy

import dagu
from dagu import hookspecs
from dagu.frozen import dataclass
from dagu.plugins.attribution import Origin, describe

CORE = "dagu-core"
_PLAIN = re.compile(r"dagu-core((?:,?(?:>=|<)\d+(?:\.\d+)*)+)")
"""The usual requirement on core, which can be understood without a package that takes long to import."""


@dataclass(frozen=True)
class Loaded:
    """A plugin that works so far. ``hooks`` calls its hooks, and no other plugin's."""

    origin: Origin
    hooks: Any
    implemented: frozenset[str]


@dataclass(frozen=True)
class SetAside:
    """A plugin that is not used. ``disabled`` tells that the user wanted it so."""

    origin: Origin
    reason: str
    disabled: bool = False


def discover(environ: Mapping[str, str]) -> Iterator[Loaded | SetAside]:
    """Load every plugin that is installed, in the order of their distributions' names."""
    disabled = {canonicalize_name(name) for name in disabled_names(environ)}
    found = sorted(_entry_points(), key=lambda pair: pair[0])
    unfit = cache(_wants_other_core)  # a distribution may bring many plugins
    for origin, entry_point in found:
        if names_of(origin) & disabled:
            yield SetAside(origin, "DAGU_DISABLED_PLUGINS names it", disabled=True)
        elif isinstance(entry_point, str):
            yield SetAside(origin, entry_point)
        else:
            yield _load(origin, entry_point, unfit)


def canonicalize_name(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names_of(origin: Origin) -> set[str]:
    """What a plugin may be called in the environment, canonical."""
    return {canonicalize_name(origin.distribution), canonicalize_name(origin.entry_point)}


def disabled_names(environ: Mapping[str, str]) -> list[str]:
    """The names in ``DAGU_DISABLED_PLUGINS``: of entry points or distributions, between commas."""
    return _names(environ, "DAGU_DISABLED_PLUGINS")


def required_names(environ: Mapping[str, str]) -> list[str]:
    """The names in ``DAGU_REQUIRED_PLUGINS``, likewise."""
    return _names(environ, "DAGU_REQUIRED_PLUGINS")


def _names(environ: Mapping[str, str], variable: str) -> list[str]:
    return [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]


def check(origin: Origin, plugin: object) -> Loaded | SetAside:
    """See whether an imported plugin fits the hooks."""
    # A manager for each: what fails validation leaves nothing behind, and every result has one origin.
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(_hooks())
    try:
        manager.register(plugin)
    except Exception as error:  # noqa: BLE001 (pluggy looks at every attribute of the plugin)
        return SetAside(origin, f"its hooks do not fit: {describe(error)}")
    callers = manager.get_hookcallers(plugin) or []
    known = frozenset(caller.name for caller in callers if caller.has_spec())
    unknown = sorted(
        caller.name
        for caller in callers
        if not caller.has_spec() and not all(impl.optionalhook for impl in caller.get_hookimpls())
    )
    if unknown:
        return SetAside(origin, "; ".join(f"there is no hook {name}{_suggestion(name)}" for name in unknown))
    if unmarked := _unmarked(plugin):
        return SetAside(origin, f"{', '.join(unmarked)} lacks the mark @dagu.hookimpl")
    return Loaded(origin, manager.hook, known)


def _load(
    origin: Origin,
    entry_point: importlib.metadata.EntryPoint,
    unfit: Callable[[importlib.metadata.Distribution | None], str],
) -> Loaded | SetAside:
    try:
        if reason := unfit(entry_point.dist):
            return SetAside(origin, reason)
        plugin = entry_point.load()
    except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever the plugin does, the rest works)
        return SetAside(origin, f"importing {entry_point.value} failed: {describe(error)}")
    return check(origin, plugin)


def _entry_points() -> Iterator[tuple[Origin, importlib.metadata.EntryPoint | str]]:
    """The entry points of installed distributions; a text says why a distribution can't be read."""
    for distribution in importlib.metadata.distributions():
        # Nearly all distributions have no plugin: not parsing theirs keeps this cheap.
        text = distribution.read_text("entry_points.txt") or ""
        if f"[{hookspecs.GROUP}]" not in text.replace(" ", ""):
            continue
        origin = Origin("unknown distribution", "", "")
        try:
            origin = Origin(distribution.name, distribution.version, "")
            if not _first_of_its_name(distribution):
                continue
            names = list(distribution.entry_points.select(group=hookspecs.GROUP))
        except Exception as error:  # noqa: BLE001 (metadata that some tool has broken)
            yield origin, f"its metadata can't be read: {describe(error)}"
            continue
        for entry_point in names:
            yield Origin(origin.distribution, origin.version, entry_point.name), entry_point


def _first_of_its_name(distribution: importlib.metadata.Distribution) -> bool:
    """Whether this is the copy that imports find, if a distribution is on the path twice."""
    first = importlib.metadata.distribution(distribution.name)
    return first.locate_file("") == distribution.locate_file("") and first.version == distribution.version


def _wants_other_core(distribution: importlib.metadata.Distribution | None) -> str:
    for text in (distribution.requires if distribution else None) or ():
        if canonicalize_name(re.split(r"[^A-Za-z0-9._-]", text.strip(), maxsplit=1)[0]) != CORE:
            continue
        if _plainly_fits(text):
            continue
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            return f"its requirement {text!r} can't be read"
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if applies and not requirement.specifier.contains(dagu.__version__, prereleases=True):
            return f"it needs {CORE}{requirement.specifier}, and this is {CORE} {dagu.__version__}"
    return ""


def _plainly_fits(text: str) -> bool:
    """Whether a requirement of the usual form holds; False also says that it takes more to tell."""
    plain = _PLAIN.fullmatch(text)
    if plain is None or not re.fullmatch(r"[\d.]+", dagu.__version__):
        return False
    core = _numbers(dagu.__version__)
    for clause in plain[1].strip(",").split(","):
        bound = _numbers(clause.lstrip("<>="))
        if (core < bound) is clause.startswith(">"):
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and not numbers[-1]:  # 1.0 is 1
        del numbers[-1]
    return tuple(numbers)


def _unmarked(plugin: object) -> list[str]:
    """Functions that look like hooks but lack the mark, so that pluggy passes over them in silence."""
    own = getattr(plugin, "__name__", None)
    return sorted(
        name
        for name, value in vars(plugin).items()
        if name in _hook_names()
        and getattr(value, "__module__", None) == own
        and not hasattr(value, f"{hookspecs.GROUP}_impl")
    )


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, sorted(_hook_names()), n=1)
    return f" (meant: {near[0]})" if near else ""


@cache
def _hooks() -> ModuleType:
    # pluggy looks at every name of what it is given, for each plugin anew.
    hooks = ModuleType(hookspecs.__name__)
    vars(hooks).update({name: getattr(hookspecs, name) for name in _hook_names()})
    return hooks


@cache
def _hook_names() -> frozenset[str]:
    return frozenset(name for name in vars(hookspecs) if name.startswith(f"{hookspecs.GROUP}_"))
