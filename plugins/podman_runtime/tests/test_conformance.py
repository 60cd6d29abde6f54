"""The conformance kit on real Podman, rootful and rootless."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagu.contracts.runtime import ContainerRuntime
from dagu.testing import RuntimeConformance
from dagu_podman_runtime.plugin import make_runtime

from .conftest import Registry, environment, rootful_host, rootless_host


@pytest.mark.engine
@pytest.mark.podman
class TestRootful(RuntimeConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls, registry: Registry) -> Iterator[ContainerRuntime]:
        cls.pull_image = registry.image
        with make_runtime(environment(rootful_host(), REGISTRY_AUTH_FILE=str(registry.auth_file))) as runtime:
            yield runtime


@pytest.mark.engine
@pytest.mark.podman
class TestRootless(RuntimeConformance):
    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls, registry: Registry) -> Iterator[ContainerRuntime]:
        cls.pull_image = registry.image
        with make_runtime(
            environment(rootless_host(), REGISTRY_AUTH_FILE=str(registry.auth_file))
        ) as runtime:
            yield runtime
