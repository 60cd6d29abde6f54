"""What the commands do; ``cli`` holds their arguments."""

from __future__ import annotations

import os
from typing import Any

from engines import (
    EngineError,
    alpine,
    daemons,
    docker,
    images,
    layout,
    podman,
    podman_config,
    registry,
    rootless,
    status,
    tls,
)
from engines.api import Api
from engines.layout import DOCKER, ENGINES, PODMAN, PRIVATE_ENGINES, RUN, Place, state_root

VARIABLES = {
    layout.DOCKER: "DOCKER_HOST",
    layout.PODMAN: "DAGU_PODMAN_HOST",
    layout.ROOTLESS: "DAGU_TEST_ROOTLESS_HOST",
}


def need_root(purpose: str) -> None:
    """Raise an error that says what to do, unless this is root."""
    if os.geteuid() != 0:
        raise EngineError(f"{purpose} takes root: run this command with sudo")


def up(engines: list[str], private: str | None) -> None:
    """Set up the engines, all without a name; what is up already is left alone."""
    for engine in _chosen(engines, private):
        place = Place(engine, private)
        if Api(place.endpoint).ping() is not None and images.has_image(place.endpoint, alpine.ALPINE):
            continue
        need_root(f"{engine} is not set up yet, and setting it up")
        with daemons.one_at_a_time():
            if engine == DOCKER:
                docker.up(private)
            elif engine == PODMAN:
                podman.up(private)
            else:
                rootless.up()
            alpine.ensure(place.endpoint)


def down(engines: list[str]) -> None:
    """End the standard engines that were started here; their images stay for the next time."""
    chosen = _chosen(engines, None)
    if not any(Place(engine).record.exists() for engine in chosen):
        return
    need_root("taking engines down")
    with daemons.one_at_a_time():
        for engine in chosen:
            _down(engine, None)


def down_private(name: str) -> None:
    """End everything of a private name and remove it."""
    if name not in layout.private_names():
        return
    need_root("taking engines down")
    with daemons.one_at_a_time():
        for engine in PRIVATE_ENGINES:
            _down(engine, name)
        registry.down(name)
        daemons.remove(RUN / name, state_root() / "private" / name)


def down_all() -> None:
    """End everything that was started here and remove all that was made; packages stay installed."""
    need_root("taking engines down")
    for name in layout.private_names():
        down_private(name)
    with daemons.one_at_a_time():
        registry.down()
        docker.down()
        podman.down()
        rootless.down(everything=True)
        podman_config.uninstall()
        daemons.remove(state_root(), RUN)


def env(private: str | None) -> list[str]:
    """Lines for a shell's ``eval``, one for each engine that answers."""
    places = [Place(engine, private) for engine in _chosen([], private)]
    answering = [place for place in places if Api(place.endpoint).ping() is not None]
    return [f"export {VARIABLES[place.engine]}={place.endpoint}" for place in answering]


def registry_up(private: str | None) -> dict[str, Any]:
    """As ``registry.up``, one call at a time."""
    need_root("starting a registry")
    with daemons.one_at_a_time():
        return registry.up(private)


def registry_down(private: str | None) -> None:
    """As ``registry.down``, one call at a time."""
    need_root("ending the registry")
    with daemons.one_at_a_time():
        registry.down(private)


def tls_up(private: str) -> dict[str, str]:
    """As ``tls.up``, with the image."""
    need_root("starting a daemon")
    with daemons.one_at_a_time():
        facts = tls.up(private)
        alpine.ensure(facts["unix"])
    return facts


def report() -> list[status.Status]:
    """What is up."""
    return [status.of(place) for place in status.places()]


def _chosen(engines: list[str], private: str | None) -> list[str]:
    possible = PRIVATE_ENGINES if private else ENGINES
    if wrong := [name for name in engines if name not in possible]:
        kind = "no private engine" if private else "no engine"
        raise EngineError(f"{kind} of that name: {', '.join(wrong)}. There are {', '.join(possible)}")
    return engines or list(possible)


def _down(engine: str, private: str | None) -> None:
    if engine == DOCKER:
        docker.down(private)
    elif engine == PODMAN:
        podman.down(private)
    else:
        rootless.down()
