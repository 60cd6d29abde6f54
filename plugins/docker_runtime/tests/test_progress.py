"""Adding up what the engine reports of a pull."""

from __future__ import annotations

from dagu.contracts.runtime import PullProgress
from dagu_docker_runtime.images import Progress
from dagu_docker_runtime.state import same_platform


def test_layers_and_bytes() -> None:
    progress = Progress("img")
    reports = [
        {"status": "Pulling from library/img", "id": "latest"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "a"},
        {"status": "Already exists", "progressDetail": {}, "id": "b"},
        {"status": "Downloading", "progressDetail": {"current": 3, "total": 10}, "id": "a"},
    ]
    for report in reports:
        progress.take(report)
    assert progress.report() == PullProgress(
        image="img", status="Downloading", layers_done=1, layers_total=2, bytes_done=3, bytes_total=10
    )
    progress.take({"status": "Extracting", "progressDetail": {"current": 1, "total": 10}, "id": "a"})
    assert progress.report().bytes_done == 10
    progress.take({"status": "Pull complete", "progressDetail": {}, "id": "a"})
    progress.take({"status": "Digest: sha256:1"})
    done = progress.report()
    assert (done.layers_done, done.layers_total, done.status) == (2, 2, "Digest: sha256:1")


def test_platforms() -> None:
    assert same_platform("linux/amd64", "linux/amd64")
    assert same_platform("linux/arm64", "linux/arm64/v8")
    assert same_platform("linux/arm/v7", "linux/arm/v7")
    assert same_platform("linux/x86_64", "linux/amd64")
    assert same_platform("linux", "linux/amd64")
    assert not same_platform("linux/arm/v6", "linux/arm/v7")
    assert not same_platform("linux/arm64", "linux/amd64")
    assert not same_platform("windows/amd64", "linux/amd64")
