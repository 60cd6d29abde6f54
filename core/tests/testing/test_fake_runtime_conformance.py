"""The kit, on the fake."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import ClassVar

import pytest

from dagu.contracts import runtime as contract
from dagu.testing import FakeRuntime, RuntimeConformance

IMAGE = "alpine:3.20"
PULLED = "registry.example/kit:1"


class TestFakeRuntime(RuntimeConformance):
    image = IMAGE
    pull_image = PULLED
    known_differences: ClassVar[Mapping[str, str]] = (
        {} if os.geteuid() == 0 else {"test_owners_stay": "only root can give files away"}
    )

    @pytest.fixture(scope="class")
    @classmethod
    def runtime(cls) -> Iterator[FakeRuntime]:
        progress = [contract.PullProgress(image=PULLED, status="downloading", bytes_done=1, bytes_total=2)]
        with FakeRuntime([IMAGE], pulls={PULLED: progress}) as runtime:
            yield runtime
