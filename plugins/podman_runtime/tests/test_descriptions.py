"""What Podman says of a container whose first process ends at that moment."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from dagu.errors import RequestRefused
from dagu_podman_runtime.containers import Containers

ENDED = {"State": {"Status": "exited"}}


class Service:
    """Refuses the first description, with the words of Podman 4.3."""

    url = "unix:///nowhere"

    def __init__(self, words: str) -> None:
        self.words = words
        self.calls: list[str] = []

    def call(self, method: str, path: str, **_: Any) -> Any:
        self.calls.append(f"{method} {path.rpartition('/')[2]}")
        if self.calls == ["GET json"]:
            raise RequestRefused(f"Podman refused 'c': {self.words}")
        return SimpleNamespace(json=lambda: ENDED, headers={})


def look(service: Service) -> Any:
    return Containers(service, lambda: None).look("c")  # type: ignore[arg-type]


def test_it_is_asked_again_once_the_end_is_known() -> None:
    service = Service("read /proc/17004/cgroup: no such process")
    assert look(service) == ENDED
    assert service.calls == ["GET json", "POST wait", "GET json"]


def test_another_refusal_is_told() -> None:
    service = Service("read /proc/17004/cgroup: permission denied")
    with pytest.raises(RequestRefused, match="permission denied"):
        look(service)
    assert service.calls == ["GET json"]
