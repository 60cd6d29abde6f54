"""Which container runtime the operator chose, and why; and what else may have been meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dagu.contracts.runtime import ContainerRuntime
from dagu.contracts.specs import RuntimeSpec
from dagu.errors import EngineForbidden, EngineUnreachable
from dagu.plugins import Plugins
from dagu.plugins.registry import RUNTIME_VARIABLE


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A runtime that was chosen.

    Attributes:
        why: The variable and its value, or that it is not set.
        unread: Variables that name the engine of another runtime, by that one's name (``…_HOST`` by custom).
    """

    spec: RuntimeSpec
    why: str
    unread: Mapping[str, tuple[str, ...]]

    @property
    def doubt(self) -> str:
        """That another runtime may be meant, in a sentence; empty where nothing says so."""
        return "; ".join(
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} read by {other} only, which "
            f"{RUNTIME_VARIABLE}={other} selects"
            for other, names in self.unread.items()
        )


def choose(plugins: Plugins, environ: Mapping[str, str]) -> Choice:
    """The runtime that the environment selects.

    Raises:
        UsageError: There is no such runtime.
        PluginError: Several plugins offer it.
    """
    spec = plugins.runtime_from_environment(environ)
    chosen = environ.get(RUNTIME_VARIABLE, "").strip()
    why = f"{RUNTIME_VARIABLE}={chosen}" if chosen else f"the default, as {RUNTIME_VARIABLE} is not set"
    unread = {
        other.name: tuple(
            name
            for name in other.environment
            if name.endswith("_HOST") and environ.get(name) and name not in spec.environment
        )
        for other in plugins.runtimes().values()
        if other.name != spec.name
    }
    return Choice(spec=spec, why=why, unread={name: names for name, names in unread.items() if names})


def reach(plugins: Plugins, environ: Mapping[str, str]) -> ContainerRuntime:
    """The chosen runtime, its engine reached.

    Raises:
        UsageError: There is no such runtime.
        RuntimeFailure: Its engine can't be reached; the message tells where, and why this one was chosen.
    """
    choice = choose(plugins, environ)
    try:
        runtime = choice.spec.factory(environ)
        try:
            runtime.check()
        except BaseException:
            runtime.close()
            raise
    except (EngineUnreachable, EngineForbidden) as error:
        chosen = f"the runtime {choice.spec.name} was chosen by {choice.why}"
        hints = [error.hint, "; ".join(filter(None, (chosen, choice.doubt)))]
        raise type(error)(error.message, hint="\n  ".join(filter(None, hints))) from error
    return runtime
