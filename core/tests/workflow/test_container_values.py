"""The small languages inside ``container:``."""

from __future__ import annotations

import pytest

from dagu.workflow import container_values as values
from dagu.workflow.container_values import PublishedPort, Volume
from dagu.workflow.quantities import parse_cpus, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a:/b", Volume(kind="bind", source="/a", target="/b")),
        ("./a:/b:ro", Volume(kind="bind", source="./a", target="/b", read_only=True)),
        ("~/a:/b:rw", Volume(kind="bind", source="~/a", target="/b")),
        ("~:/b", Volume(kind="bind", source="~", target="/b")),
        (".:/b", Volume(kind="bind", source=".", target="/b")),
        ("sub/dir:/b", Volume(kind="bind", source="sub/dir", target="/b")),
        ("cache:/b/c", Volume(kind="volume", source="cache", target="/b/c")),
    ],
)
def test_volumes(text, expected):
    assert values.parse_volume(text) == expected


@pytest.mark.parametrize(
    "text", ["", "a", "/a", ":", "a:", ":/b", "a:b", "a:/b:", "a:/b:ro:rw", "-a:/b", "x:/b:z"]
)
def test_what_is_no_volume(text):
    with pytest.raises(ValueError, match="invalid volume"):
        values.parse_volume(text)


def test_long_volumes():
    parse = values.volume_from_mapping
    assert parse({"source": "./a", "target": "/b", "read_only": True}) == Volume(
        kind="bind", source="./a", target="/b", read_only=True
    )
    assert parse({"source": "a", "target": "/b"}).kind == "volume"
    assert parse({"type": "tmpfs", "target": "/b", "size": "1k", "mode": 700}) == Volume(
        kind="tmpfs", target="/b", size=1024, mode=0o700
    )


def test_tmpfs():
    assert values.parse_tmpfs("/t:size=1m,mode=1777,ro") == Volume(
        kind="tmpfs", target="/t", size=2**20, mode=0o1777, read_only=True
    )
    with pytest.raises(ValueError, match="absolute"):
        values.parse_tmpfs("t")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", PublishedPort(container_port=80)),
        (80, PublishedPort(container_port=80)),
        ("8080:80", PublishedPort(container_port=80, host_port=8080)),
        (
            "1.2.3.4:8080:80/udp",
            PublishedPort(container_port=80, host_port=8080, host_ip="1.2.3.4", protocol="udp"),
        ),
        ("1.2.3.4::80", PublishedPort(container_port=80, host_ip="1.2.3.4")),
        ("[::1]:8080:80", PublishedPort(container_port=80, host_port=8080, host_ip="::1")),
        ("65535/sctp", PublishedPort(container_port=65535, protocol="sctp")),
    ],
)
def test_ports(text, expected):
    assert values.parse_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "0", "-1", "65536", ":80", "80:", "::80", "80/", "٨٠", "[::1]:80", "1:2:3:4"]
)
def test_what_is_no_port(text):
    with pytest.raises(ValueError, match="invalid port"):
        values.parse_port(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1024, 1024),
        ("512", 512),
        ("1k", 1024),
        ("1.5g", 1610612736),
        ("64MiB", 2**26),
        ("512Mi", 2**29),
        ("2GB", 2**31),
    ],
)
def test_sizes(value, expected):
    assert parse_size(value) == expected


@pytest.mark.parametrize("value", ["", "m", "1x", "-1", "0", "1 2", "1ib", 0, -5, "9" * 50, float("inf")])
def test_what_is_no_size(value):
    with pytest.raises(ValueError, match="size"):
        parse_size(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5.0),
        (0.5, 0.5),
        ("5", 5.0),
        ("1m30s", 90.0),
        ("500ms", 0.5),
        ("2h", 7200.0),
        ("1.5s", 1.5),
        ("0s", 0.0),
    ],
)
def test_durations(value, expected):
    assert parse_duration(value) == expected


@pytest.mark.parametrize("value", ["", "s", "5 s", "-1s", "1m30", "1y", -1, float("nan")])
def test_what_is_no_duration(value):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(value)


def test_cpus():
    assert [parse_cpus(value) for value in (1, "1.5", "500m", 0.25)] == [1.0, 1.5, 0.5, 0.25]
    for value in (0, "0", "many", "-1", float("nan")):
        with pytest.raises(ValueError, match="CPUs"):
            parse_cpus(value)


@pytest.mark.parametrize(
    "image",
    [
        "alpine",
        "alpine:3.20",
        "library/alpine",
        "ghcr.io/a/b:latest",
        "localhost:5000/x",
        "[::1]:5000/x",
        "a__b/c.d-e:V1",
        "alpine@sha256:" + "a" * 64,
        "alpine:3@sha256:" + "0" * 64,
        "0123456789abcdef",
    ],
)
def test_images(image):
    assert values.parse_image(image) == image


@pytest.mark.parametrize(
    "image", ["", "A", "a:", "a b", "a//b", "-a", "a:b:c", "a@sha256:xyz", "https://a/b", "x" * 600]
)
def test_what_is_no_image(image):
    with pytest.raises(ValueError, match="image reference"):
        values.parse_image(image)


def test_hosts_of_an_allow_list():
    assert values.parse_allowed_host("API.example.com") == ("api.example.com", None)
    assert values.parse_allowed_host("*.example.com:443") == ("*.example.com", 443)
    for text in ("", "*", "http://a", "a:b", "a..b", "a/b", ".a"):
        with pytest.raises(ValueError, match="is not a"):
            values.parse_allowed_host(text)
