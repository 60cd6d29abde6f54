"""Fixtures: a server without a socket, and one with."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).resolve().parent))

from web_fakes import FakeContext

from dagu_web_server.application import make_application
from dagu_web_server.config import read_config
from dagu_web_server.parts import Parts
from dagu_web_server.service import WebService


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    return FakeContext(tmp_path)


@pytest.fixture
def client_of() -> Callable[..., TestClient]:
    """Makes a client of a server with its settings."""

    def make(context: FakeContext, **options: Any) -> TestClient:
        parts = Parts(context=context, config=read_config(context.settings()))
        options = {"base_url": "http://127.0.0.1", "follow_redirects": False, **options}
        return TestClient(make_application(parts), raise_server_exceptions=False, **options)

    return make


@pytest.fixture
def client(context: FakeContext, client_of: Callable[..., TestClient]) -> TestClient:
    return client_of(context)


@pytest.fixture
def serving() -> Iterator[Callable[[FakeContext], WebService]]:
    """Serves contexts on free ports, and sees that each server ends."""
    begun: list[tuple[WebService, threading.Thread]] = []

    def serve(context: FakeContext) -> WebService:
        service = WebService(context)
        thread = threading.Thread(target=service.run)
        thread.start()
        begun.append((service, thread))
        return service

    yield serve
    for service, _ in begun:
        service.stop(5)
    for _, thread in begun:
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def site(context: FakeContext, serving: Callable[[FakeContext], WebService]) -> Iterator[httpx.Client]:
    """A client of a server that listens."""
    with httpx.Client(base_url=serving(context).url, timeout=30) as found:
        yield found
