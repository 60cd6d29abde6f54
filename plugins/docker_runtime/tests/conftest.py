"""What the tests on a real Docker share."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from dagu.contracts.runtime import ContainerRuntime
from dagu_docker_runtime.plugin import make_runtime


@pytest.fixture(scope="session")
def docker() -> Iterator[ContainerRuntime]:
    """The runtime on the Docker of the environment."""
    with make_runtime(os.environ) as runtime:
        yield runtime
