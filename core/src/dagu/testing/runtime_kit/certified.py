"""What :func:`dagu.testing.certify` runs: the kit, on the runtime that it was handed."""

from __future__ import annotations

import pytest

from dagu.contracts.runtime import ContainerRuntime
from dagu.testing import RuntimeConformance


class TestRuntime(RuntimeConformance):
    """The attributes are set by the collector."""

    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls, certified_runtime: ContainerRuntime) -> ContainerRuntime:
        return certified_runtime
