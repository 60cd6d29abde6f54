"""The conformance kit, on this machine's bubblewrap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagu_bubblewrap_runtime.plugin import make_runtime

from dagu.contracts.runtime import ContainerRuntime
from dagu.testing import RuntimeConformance


class TestBubblewrap(RuntimeConformance):
    image = "alpine:3.20"
    known_differences = {  # noqa: RUF012 (the kit declares it)
        "test_owners_stay": "a container has one user: its namespace maps no other",
    }

    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls, images: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerRuntime]:
        state = tmp_path_factory.mktemp("state")
        environ = {"DAGU_BUBBLEWRAP_IMAGES": str(images), "DAGU_BUBBLEWRAP_STATE": str(state)}
        with make_runtime(environ) as runtime:
            yield runtime
