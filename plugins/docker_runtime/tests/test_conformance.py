"""The conformance kit on a real Docker."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dagu.contracts.runtime import ContainerRuntime
from dagu.testing import RuntimeConformance
from dagu_docker_runtime.plugin import make_runtime

from .conftest import Registry


@pytest.mark.engine
@pytest.mark.docker
class TestDocker(RuntimeConformance):
    image = "alpine:3.20"

    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls, registry: Registry) -> Iterator[ContainerRuntime]:
        cls.pull_image = registry.image
        with make_runtime({**os.environ, "DOCKER_CONFIG": str(registry.config)}) as runtime:
            yield runtime
