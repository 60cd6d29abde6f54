"""The hooks of the plugin system: every place where a plugin can add something.

A plugin is a module, named by an entry point of the group ``dagu``, with functions of these names marked by
``dagu.hookimpl``. Hooks *register*: they return frozen specs at once and import nothing heavy; the work is done
by what a spec's factory makes.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from dagu.contracts.container import ContainerRequest
from dagu.contracts.events import RunEvent
from dagu.contracts.specs import CommandSpec, DatabaseSpec, ProviderSpec, Refusal, RuntimeSpec, ServiceSpec

GROUP = "dagu"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def dagu_register_runtimes() -> Iterable[RuntimeSpec]:
    """Offer container runtimes.

    Example::

        @dagu.hookimpl
        def dagu_register_runtimes():
            yield RuntimeSpec(name="mine", summary="Runs containers my way", factory=make_runtime)
    """
    raise NotImplementedError


@hookspec
def dagu_register_harness_providers() -> Iterable[ProviderSpec]:
    """Offer harness providers: agent programs that ``harness.run`` can drive.

    Example::

        @dagu.hookimpl
        def dagu_register_harness_providers():
            facts = ProviderFacts(binary="mine", prompt_channel=PromptChannel.STDIN)
            yield ProviderSpec(name="mine", summary="My agent", facts=facts, factory=MyProvider)
    """
    raise NotImplementedError


@hookspec
def dagu_register_commands() -> Iterable[CommandSpec]:
    """Offer groups of subcommands of the ``dagu`` command line.

    Example::

        @dagu.hookimpl
        def dagu_register_commands():
            yield CommandSpec(name="mine", summary="My commands", factory=make_typer_app)
    """
    raise NotImplementedError


@hookspec
def dagu_register_services() -> Iterable[ServiceSpec]:
    """Offer services that ``dagu start-all`` runs beside the scheduler.

    Example::

        @dagu.hookimpl
        def dagu_register_services():
            yield ServiceSpec(name="mine", summary="My service", factory=make_service)
    """
    raise NotImplementedError


@hookspec
def dagu_register_databases() -> Iterable[DatabaseSpec]:
    """Offer databases that several machines share: history, and the way of runs to workers.

    Example::

        @dagu.hookimpl
        def dagu_register_databases():
            yield DatabaseSpec(name="mine", summary="My database", factory=open_database)
    """
    raise NotImplementedError


@hookspec
def dagu_review_container(request: ContainerRequest) -> Refusal | None:
    """Allow (None) or refuse a container before any runtime hears of it.

    Every reviewer is asked; one refusal is enough. A reviewer that raises counts as a refusal.

    Example::

        @dagu.hookimpl
        def dagu_review_container(request):
            if not request.image.startswith("registry.internal/"):
                return Refusal(rule="images", reason=f"{request.image} is not from our registry")
    """


@hookspec
def dagu_run_event(event: RunEvent) -> None:
    """Observe a run: it and its steps started, printed, finished.

    Called from the run's threads; it should return at once. An observer that raises is reported once and not
    called again in that run.

    Example::

        @dagu.hookimpl
        def dagu_run_event(event):
            if isinstance(event, RunFinished):
                notify(event.workflow, event.status)
    """
