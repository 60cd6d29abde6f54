"""The conformance kit on real Podman, rootful and rootless."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dagu.contracts.runtime import ContainerRuntime
from dagu.testing import RuntimeConformance
from dagu_podman_runtime.endpoint import HOST, ROOTFUL_SOCKET
from dagu_podman_runtime.runtime import PodmanRuntime

pytestmark = [pytest.mark.engine, pytest.mark.podman]

ROOTFUL = os.environ.get(HOST) or f"unix://{ROOTFUL_SOCKET}"
ROOTLESS = os.environ.get("DAGU_TEST_ROOTLESS_HOST", "")


class TestRootful(RuntimeConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls) -> Iterator[ContainerRuntime]:
        with PodmanRuntime({**os.environ, HOST: ROOTFUL}) as runtime:
            yield runtime


class TestRootless(RuntimeConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls) -> Iterator[ContainerRuntime]:
        assert ROOTLESS, "DAGU_TEST_ROOTLESS_HOST names the rootless service: see `python3 tools/engines env`"
        with PodmanRuntime({**os.environ, HOST: ROOTLESS}) as runtime:
            yield runtime
