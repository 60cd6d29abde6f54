"""References as Docker reads them."""

from __future__ import annotations

import pytest

from dagu_podman_runtime import references

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("given", "full", "registry"),
    [
        ("alpine", "docker.io/library/alpine:latest", "docker.io"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "docker.io"),
        ("team/tool", "docker.io/team/tool:latest", "docker.io"),
        ("docker.io/alpine", "docker.io/library/alpine:latest", "docker.io"),
        ("index.docker.io/library/alpine:1", "docker.io/library/alpine:1", "docker.io"),
        ("quay.io/a/b", "quay.io/a/b:latest", "quay.io"),
        ("localhost/a", "localhost/a:latest", "localhost"),
        ("localhost:5000/a:2", "localhost:5000/a:2", "localhost:5000"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "127.0.0.1:5000"),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}", "docker.io"),
    ],
)
def test_full(given: str, full: str, registry: str) -> None:
    assert references.full(given) == full
    assert references.registry(given) == registry


def test_local_names() -> None:
    assert references.local_names("tool") == ["docker.io/library/tool:latest", "localhost/tool:latest"]
    assert references.local_names("quay.io/a:1") == ["quay.io/a:1"]
    assert references.local_names("0948b34783dd")[-1] == "0948b34783dd"
    assert references.local_names(DIGEST)[-1] == "a" * 64
    # Another registry's image never goes by a short name.
    assert not any("quay.io" in name for name in references.local_names("tool"))


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.8.8", "[::1]:5000"])
def test_loopback(host: str) -> None:
    assert references.is_loopback(host)


@pytest.mark.parametrize("host", ["docker.io", "localhost.example", "10.0.0.1:5000", "127.example.com"])
def test_not_loopback(host: str) -> None:
    assert not references.is_loopback(host)


@pytest.mark.parametrize(
    ("found", "wanted", "fits"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/amd64", "linux/x86_64", True),
        ("linux/amd64", "amd64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v6", "linux/arm/v7", False),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/amd64", "linux/arm64", False),
        ("windows/amd64", "linux/amd64", False),
    ],
)
def test_platforms(found: str, wanted: str, fits: bool) -> None:
    assert references.platform_matches(found, wanted) is fits
