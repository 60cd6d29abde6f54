"""What plugins offer: asked for, checked, and put together by name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field, replace
from typing import Any, Generic, TypeVar

from dagu.contracts.provider import HarnessProvider, ProviderFacts
from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.shared import SharedDatabase
from dagu.contracts.specs import CommandSpec, DatabaseSpec, ProviderSpec, RuntimeSpec, Service, ServiceSpec
from dagu.errors import PluginError, UsageError
from dagu.frozen import dataclass
from dagu.plugins.attribution import Origin, attributed_factory, describe
from dagu.plugins.discovery import Loaded

S = TypeVar("S", RuntimeSpec, ProviderSpec, CommandSpec, ServiceSpec, DatabaseSpec)
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")

_PROVIDERS = [
    "aider",
    "amp",
    "claude",
    "cline",
    "codex",
    "copilot",
    "cursor",
    "deepseek",
    "droid",
    "gemini",
    "goose",
    "kiro",
    "opencode",
    "pi",
    "qwen",
    "shell",
]


@dataclass(frozen=True)
class Kind(Generic[S]):
    """A kind of thing that plugins register.

    Attributes:
        title: For messages.
        makes: What its factory has to make; None is not checked here.
        known: Name to distribution, of what is known to exist.
    """

    title: str
    hook: str
    spec: type[S]
    makes: type | None
    known: dict[str, str] = field(default_factory=dict)


RUNTIMES = Kind(
    "container runtime",
    "dagu_register_runtimes",
    RuntimeSpec,
    ContainerRuntime,
    {"docker": "dagu-docker-runtime", "podman": "dagu-podman-runtime"},
)
PROVIDERS = Kind(
    "harness provider",
    "dagu_register_harness_providers",
    ProviderSpec,
    HarnessProvider,
    dict.fromkeys(_PROVIDERS, "dagu-harness-providers"),
)
COMMANDS = Kind("command", "dagu_register_commands", CommandSpec, None)
SERVICES = Kind("service", "dagu_register_services", ServiceSpec, Service)
DATABASES = Kind(
    "database",
    "dagu_register_databases",
    DatabaseSpec,
    SharedDatabase,
    dict.fromkeys(("postgres", "postgresql"), "dagu-postgres-queue"),
)


@dataclass
class Offers(Generic[S]):
    """All specs of one kind by name, and what is wrong with others, by plugin."""

    kind: Kind[S]
    by_name: dict[str, list[tuple[Origin, S]]] = field(default_factory=dict)
    problems: dict[Origin, list[str]] = field(default_factory=dict)

    def collect(self, plugins: Iterable[Loaded]) -> None:
        """Ask every plugin; what does not fit becomes a problem of its plugin."""
        for plugin in plugins:
            if self.kind.hook in plugin.implemented:
                self._ask(plugin)
        for name, offers in self.by_name.items():
            if len(offers) > 1:
                for origin in {origin for origin, _spec in offers}:
                    self._problem(origin, self._conflict(name))

    def get(self, name: str, *, chosen_by: str = "", aside: Iterable[str] = ()) -> S:
        """The spec of that name.

        Args:
            chosen_by: Who asked for it, for the message; empty if that is plain.
            aside: What is known of plugins that are not used, a line each.

        Raises:
            UsageError: There is none.
            PluginError: Several plugins offer one.
        """
        offers = self.by_name.get(name, [])
        if not offers:
            raise self._missing(name, chosen_by, tuple(aside))
        if len(offers) > 1:
            # A distribution may bring others that stay.
            names = ", ".join(sorted({origin.entry_point or origin.distribution for origin, _spec in offers}))
            raise PluginError(
                self._conflict(name),
                hint=f"uninstall one of them, or name it in DAGU_DISABLED_PLUGINS ({names})",
            )
        return offers[0][1]

    def usable(self) -> dict[str, S]:
        """The specs that have their name for themselves, by name."""
        return {name: offers[0][1] for name, offers in sorted(self.by_name.items()) if len(offers) == 1}

    def of(self, origin: Origin) -> tuple[str, ...]:
        """The names that a plugin offers."""
        return tuple(name for name, offers in self.by_name.items() if any(o == origin for o, _ in offers))

    def _missing(self, name: str, chosen_by: str, aside: tuple[str, ...]) -> UsageError:
        installed = ", ".join(sorted(self.by_name)) or "none"
        message = f"there is no {self.kind.title} {name!r}{chosen_by}; installed: {installed}"
        distribution = self.kind.known.get(name)
        there_but_unused = any(line.startswith(f"{distribution} ") for line in aside)
        hint = "see `dagu plugins list`"
        if distribution and not there_but_unused:
            hint = f"pip install {distribution}"
        return UsageError("\n  ".join([message, *aside]), hint=hint)

    def _ask(self, plugin: Loaded) -> None:
        try:
            for result in getattr(plugin.hooks, self.kind.hook)():
                for spec in result:
                    self._take(plugin.origin, spec)
        except Exception as error:  # noqa: BLE001 (whatever the plugin does, the rest works)
            self._problem(plugin.origin, f"{self.kind.hook} failed: {describe(error)}")

    def _take(self, origin: Origin, spec: Any) -> None:
        if mistake := _mistake(spec, self.kind.spec):
            self._problem(origin, f"{self.kind.title} set aside: {mistake}")
            return
        what = f"{self.kind.title} {spec.name!r}"
        factory = attributed_factory(origin, what, spec.factory, self.kind.makes)
        self.by_name.setdefault(spec.name, []).append((origin, replace(spec, factory=factory)))

    def _conflict(self, name: str) -> str:
        offers = self.by_name[name]
        origins = " and ".join(sorted(f"{origin} ({origin.entry_point})" for origin, _spec in offers))
        return f"{self.kind.title} {name!r} is offered by {origins}"

    def _problem(self, origin: Origin, text: str) -> None:
        self.problems.setdefault(origin, []).append(text)


def _mistake(spec: Any, kind: type) -> str:
    if not isinstance(spec, kind):
        return f"{kind.__name__} expected, not {type(spec).__name__}"
    name = getattr(spec, "name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"its name {name!r} has to be of lower case letters, digits and dashes"
    if not isinstance(getattr(spec, "summary", None), str):
        return f"the summary of {name!r} has to be text"
    if not callable(getattr(spec, "factory", None)):
        return f"the factory of {name!r} can't be called"
    facts: object = getattr(spec, "facts", None)
    if kind is ProviderSpec and not isinstance(facts, ProviderFacts):
        return f"the facts of {name!r} have to be ProviderFacts, not {type(facts).__name__}"
    return ""
