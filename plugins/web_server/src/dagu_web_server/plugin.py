"""The entry point: offers the service ``web`` and the command ``server``. The web framework is imported when used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagu
from dagu.contracts.service import ServiceContext
from dagu.contracts.specs import CommandSpec, Service, ServiceSpec


def make_service(context: ServiceContext) -> Service:
    """Make the service from its settings, and take its address.

    Raises:
        DaguError: A setting does not fit, or the address can't be had.
    """
    from dagu_web_server.service import WebService

    return WebService(context)


def make_command() -> Any:
    """Make the command group."""
    from dagu_web_server.command import app

    return app


@dagu.hookimpl
def dagu_register_services() -> Iterable[ServiceSpec]:
    """Offer the web server to ``start-all``."""
    yield ServiceSpec(name="web", summary="Web page, REST API and metrics", factory=make_service)


@dagu.hookimpl
def dagu_register_commands() -> Iterable[CommandSpec]:
    """Offer the web server alone."""
    yield CommandSpec(name="server", summary="Serve the web page and REST API", factory=make_command)
