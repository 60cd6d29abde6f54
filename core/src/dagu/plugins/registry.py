"""The one object that the rest of dagu asks about plugins."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dagu.contracts.specs import CommandSpec, DatabaseSpec, ProviderSpec, Refusal, RuntimeSpec, ServiceSpec
from dagu.errors import PluginError

if TYPE_CHECKING:
    from dagu.contracts.container import ContainerRequest
    from dagu.contracts.events import RunEvent
    from dagu.plugins.attribution import Origin
    from dagu.plugins.catalog import Catalog, PluginInfo

DEFAULT_RUNTIME = "docker"
RUNTIME_VARIABLE = "DAGU_CONTAINER_RUNTIME"


class Plugins:
    """All plugins. They are looked for, once, when something is asked first; any thread may ask.

    Specs come with their factories wrapped: an exception out of a plugin's code, also out of any method of what
    a factory made, is a :class:`~dagu.errors.PluginError` that names distribution and version.

    Args:
        environ: For ``DAGU_DISABLED_PLUGINS`` and ``DAGU_REQUIRED_PLUGINS``.
        extra: Plugin modules or objects beside the installed ones.
        discover: Look for installed plugins.
    """

    def __init__(
        self, environ: Mapping[str, str], *, extra: Sequence[object] = (), discover: bool = True
    ) -> None:
        self._environ = environ
        self._extra = tuple(extra)
        self._discover = discover
        self._lock = threading.RLock()
        self._found: Catalog | None = None
        self._muted: dict[str, set[Origin]] = {}

    # Lookups

    def runtime(self, name: str) -> RuntimeSpec:
        """The container runtime of that name, in any case.

        Raises:
            UsageError: There is none; the message tells which there are, and what to install.
            PluginError: Several plugins offer it.
        """
        return self._catalog.runtimes.get(name.strip().lower(), aside=self._aside())

    def runtime_from_environment(self, environ: Mapping[str, str]) -> RuntimeSpec:
        """The container runtime that ``DAGU_CONTAINER_RUNTIME`` selects, Docker if it selects none.

        Raises:
            UsageError: There is no such runtime; the message tells which there are, and what to install.
            PluginError: Several plugins offer it.
        """
        name = environ.get(RUNTIME_VARIABLE, "").strip().lower()
        chosen_by = f", which {RUNTIME_VARIABLE} selects" if name else f" (the default of {RUNTIME_VARIABLE})"
        return self._catalog.runtimes.get(name or DEFAULT_RUNTIME, chosen_by=chosen_by, aside=self._aside())

    def provider(self, name: str) -> ProviderSpec:
        """The harness provider of that name.

        Raises:
            UsageError: There is none; the message tells which there are, and what to install.
            PluginError: Several plugins offer it.
        """
        return self._catalog.providers.get(name, aside=self._aside())

    def database(self, url: str) -> DatabaseSpec:
        """The shared database that a URL names by its scheme.

        Raises:
            UsageError: There is no such scheme; the message tells which there are, and what to install.
            PluginError: Several plugins offer it.
        """
        scheme = url.partition("://")[0].lower() if "://" in url else ""
        chosen_by = ", which DAGU_DATABASE_URL names by its scheme"
        return self._catalog.databases.get(scheme, chosen_by=chosen_by, aside=self._aside())

    # Lists

    def runtimes(self) -> dict[str, RuntimeSpec]:
        """Container runtimes by name, without names that several plugins offer."""
        return self._catalog.runtimes.usable()

    def providers(self) -> dict[str, ProviderSpec]:
        """Harness providers by name, without names that several plugins offer."""
        return self._catalog.providers.usable()

    def commands(self) -> dict[str, CommandSpec]:
        """Groups of subcommands by name, without names that several plugins offer."""
        return self._catalog.commands.usable()

    def command_origin(self, name: str) -> Origin:
        """Which plugin offers a group of subcommands.

        Raises:
            KeyError: None does.
        """
        return self._catalog.commands.by_name[name][0][0]

    def services(self) -> dict[str, ServiceSpec]:
        """Services by name, without names that several plugins offer."""
        return self._catalog.services.usable()

    def info(self) -> list[PluginInfo]:
        """Every plugin, also those that are not used."""
        return self._catalog.info()

    def unknown_disabled(self) -> list[str]:
        """Names in ``DAGU_DISABLED_PLUGINS`` that no plugin has."""
        from dagu.plugins.discovery import canonicalize_name, disabled_names

        infos = self.info()
        known = {canonicalize_name(name) for info in infos for name in (info.distribution, info.entry_point)}
        return [name for name in disabled_names(self._environ) if canonicalize_name(name) not in known]

    # Hooks that are not registrations

    def review(self, request: ContainerRequest) -> list[Refusal]:
        """Ask every reviewer about a container; one refusal is enough.

        A reviewer that fails refuses, and so does the lack of a plugin that ``DAGU_REQUIRED_PLUGINS`` names.
        """
        from dagu.plugins.attribution import describe

        refusals = [Refusal(rule="DAGU_REQUIRED_PLUGINS", reason=reason) for reason in self._lacking()]
        for plugin in self._catalog.implementing("dagu_review_container"):
            rule = f"plugin {plugin.origin}"
            try:
                answers = plugin.hooks.dagu_review_container(request=request)
            except Exception as error:  # noqa: BLE001 (a broken reviewer must not let anything pass)
                refusals.append(Refusal(rule=rule, reason=f"its review failed: {describe(error)}"))
                continue
            for answer in answers:
                if isinstance(answer, Refusal):
                    refusals.append(answer)
                else:
                    reason = f"its review gave a {type(answer).__name__}, neither a Refusal nor None"
                    refusals.append(Refusal(rule=rule, reason=reason))
        return refusals

    def _lacking(self) -> list[str]:
        """Why plugins that have to be used are not."""
        from dagu.plugins.discovery import canonicalize_name, names_of, required_names

        lacking = []
        for name in required_names(self._environ):
            wanted = canonicalize_name(name)
            reasons = [
                str(plugin.reason) for plugin in self._catalog.aside if wanted in names_of(plugin.origin)
            ]
            if reasons:
                lacking.append(f"plugin {name} is not used: {'; '.join(reasons)}")
            elif not any(wanted in names_of(plugin.origin) for plugin in self._catalog.loaded):
                lacking.append(f"plugin {name} is not installed")
        return lacking

    @property
    def observed(self) -> bool:
        """Whether any plugin wants to hear of events."""
        return bool(self._catalog.implementing("dagu_run_event"))

    def emit(self, event: RunEvent) -> list[PluginError]:
        """Tell every observer.

        Returns:
            The errors of those that failed just now; they hear no more of that run.
        """
        from dagu.contracts.events import RunFinished
        from dagu.plugins.attribution import failed

        errors = []
        for plugin in self._catalog.implementing("dagu_run_event"):
            if plugin.origin in self._muted.get(event.run_id, ()):
                continue
            try:
                plugin.hooks.dagu_run_event(event=event)
            except Exception as error:  # noqa: BLE001 (an observer must not break the run)
                with self._lock:
                    muted = self._muted.setdefault(event.run_id, set())
                    if plugin.origin not in muted:
                        muted.add(plugin.origin)
                        errors.append(failed(plugin.origin, "dagu_run_event", error))
        if isinstance(event, RunFinished):
            with self._lock:
                self._muted.pop(event.run_id, None)
        return errors

    # What was found

    @property
    def _catalog(self) -> Catalog:
        with self._lock:
            if self._found is None:
                from dagu.plugins.attribution import Origin
                from dagu.plugins.catalog import Catalog
                from dagu.plugins.discovery import check, discover

                given = [check(Origin("given", "", str(n)), plugin) for n, plugin in enumerate(self._extra)]
                self._found = Catalog.of([*given, *(discover(self._environ) if self._discover else ())])
            return self._found

    def _aside(self) -> list[str]:
        return [f"{plugin.origin} is not used: {plugin.reason}" for plugin in self._catalog.aside]
