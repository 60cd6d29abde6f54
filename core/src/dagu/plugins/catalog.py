"""Everything that plugins bring, looked up once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from dagu.contracts.specs import CommandSpec, DatabaseSpec, ProviderSpec, RuntimeSpec, ServiceSpec
from dagu.frozen import dataclass
from dagu.plugins.attribution import Origin
from dagu.plugins.discovery import Loaded, SetAside
from dagu.plugins.offers import COMMANDS, DATABASES, PROVIDERS, RUNTIMES, SERVICES, Offers


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin, for lists.

    Attributes:
        state: ``active``, ``set aside`` or ``disabled``.
        problems: Why it is not used, or what of it is not.
        hooks: The hooks that it implements.
    """

    distribution: str
    version: str
    entry_point: str
    state: str
    problems: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()


@dataclass
class Catalog:
    """The plugins that were found, and what they offer."""

    loaded: list[Loaded] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    runtimes: Offers[RuntimeSpec] = field(default_factory=lambda: Offers(RUNTIMES))
    providers: Offers[ProviderSpec] = field(default_factory=lambda: Offers(PROVIDERS))
    commands: Offers[CommandSpec] = field(default_factory=lambda: Offers(COMMANDS))
    services: Offers[ServiceSpec] = field(default_factory=lambda: Offers(SERVICES))
    databases: Offers[DatabaseSpec] = field(default_factory=lambda: Offers(DATABASES))

    @classmethod
    def of(cls, found: Iterable[Loaded | SetAside]) -> Catalog:
        """Ask all plugins that were found what they register."""
        catalog = cls()
        for plugin in found:
            if isinstance(plugin, Loaded):
                catalog.loaded.append(plugin)
            else:
                catalog.aside.append(plugin)
        catalog.runtimes.collect(catalog.loaded)
        catalog.providers.collect(catalog.loaded)
        catalog.commands.collect(catalog.loaded)
        catalog.services.collect(catalog.loaded)
        catalog.databases.collect(catalog.loaded)
        return catalog

    def implementing(self, hook: str) -> list[Loaded]:
        """The plugins that have a hook of that name."""
        return [plugin for plugin in self.loaded if hook in plugin.implemented]

    def problems(self, origin: Origin) -> tuple[str, ...]:
        """What is wrong with a plugin that is used."""
        offers = (self.runtimes, self.providers, self.commands, self.services, self.databases)
        return tuple(text for offer in offers for text in offer.problems.get(origin, ()))

    def info(self) -> list[PluginInfo]:
        """Every plugin, by distribution and entry point."""
        infos = [
            PluginInfo(
                distribution=plugin.origin.distribution,
                version=plugin.origin.version,
                entry_point=plugin.origin.entry_point,
                state="active",
                problems=self.problems(plugin.origin),
                runtimes=self.runtimes.of(plugin.origin),
                providers=self.providers.of(plugin.origin),
                commands=self.commands.of(plugin.origin),
                services=self.services.of(plugin.origin),
                databases=self.databases.of(plugin.origin),
                hooks=tuple(sorted(plugin.implemented)),
            )
            for plugin in self.loaded
        ]
        for plugin in self.aside:
            state = "disabled" if plugin.disabled else "set aside"
            infos.append(
                PluginInfo(
                    distribution=plugin.origin.distribution,
                    version=plugin.origin.version,
                    entry_point=plugin.origin.entry_point,
                    state=state,
                    problems=(plugin.reason,),
                )
            )
        return sorted(infos, key=lambda info: (info.distribution, info.entry_point))
