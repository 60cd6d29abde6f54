"""Where credentials are found, and that none of them is told."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from dagu.errors import PullFailed
from dagu_podman_runtime import credentials


def _auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _write(path: Path, config: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config))


def _environ(home: Path, **more: str) -> dict[str, str]:
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", **more}


def test_the_first_file_that_has_some_wins(tmp_path: Path) -> None:
    places = [
        tmp_path / "run/containers/auth.json",
        tmp_path / ".config/containers/auth.json",
        tmp_path / ".docker/config.json",
    ]
    environ = _environ(tmp_path, XDG_RUNTIME_DIR=str(tmp_path / "run"))
    assert credentials.files(environ) == places
    for number, path in reversed(list(enumerate(places))):
        _write(path, {"auths": {"quay.io": {"auth": _auth(f"user{number}:pass{number}")}}})
        found = credentials.find(environ, "quay.io/a/b:1")
        assert found is not None
        assert (found.username, found.password) == (f"user{number}", f"pass{number}")


def test_a_file_without_the_registry_is_passed_over(tmp_path: Path) -> None:
    _write(tmp_path / ".config/containers/auth.json", {"auths": {"other.io": {"auth": _auth("a:b")}}})
    _write(
        tmp_path / ".docker/config.json",
        {"auths": {"https://quay.io/v2/": {"auth": _auth("u:p:with:colons")}}},
    )
    found = credentials.find(_environ(tmp_path), "quay.io/a:1")
    assert found is not None
    assert (found.username, found.password) == ("u", "p:with:colons")


def test_the_named_file_is_the_only_one(tmp_path: Path) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {"quay.io": {"auth": _auth("a:b")}}})
    environ = _environ(tmp_path, REGISTRY_AUTH_FILE=str(tmp_path / "none.json"))
    assert credentials.find(environ, "quay.io/a:1") is None


def test_the_most_exact_key_wins(tmp_path: Path) -> None:
    keys = ["quay.io", "quay.io/team", "quay.io/team/tool"]
    _write(
        tmp_path / ".config/containers/auth.json",
        {"auths": {key: {"auth": _auth(f"{key}:p")} for key in keys}},
    )
    names = {"quay.io/other:1": keys[0], "quay.io/team/x@sha256:0": keys[1], "quay.io/team/tool:1": keys[2]}
    for name, user in names.items():
        found = credentials.find(_environ(tmp_path), name)
        assert found is not None
        assert found.username == user


@pytest.mark.parametrize("key", ["docker.io", "https://index.docker.io/v1/", "index.docker.io"])
def test_docker_hub_goes_by_several_names(tmp_path: Path, key: str) -> None:
    _write(tmp_path / ".docker/config.json", {"auths": {key: {"auth": _auth("u:p"), "identitytoken": "t"}}})
    found = credentials.find(_environ(tmp_path), "docker.io/library/alpine:3")
    assert found is not None
    assert found.identity_token == "t"


@pytest.mark.parametrize("place", ["credHelpers", "credsStore"])
def test_a_helper_is_asked(tmp_path: Path, place: str) -> None:
    helper = tmp_path / "bin/docker-credential-mine"
    helper.parent.mkdir()
    helper.write_text(
        '#!/bin/sh\nread server\n[ "$1" = get ] && echo "{\\"Username\\":\\"of $server\\",\\"Secret\\":\\"s\\"}"\n'
    )
    helper.chmod(0o755)
    config: Any = {"credsStore": "mine"} if place == "credsStore" else {"credHelpers": {"quay.io": "mine"}}
    _write(tmp_path / ".docker/config.json", config)
    environ = _environ(tmp_path, PATH=f"{helper.parent}:/usr/bin:/bin")
    found = credentials.find(environ, "quay.io/a:1")
    assert found is not None
    assert (found.username, found.password) == ("of quay.io", "s")


def test_a_helper_that_knows_nothing(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-mine"
    helper.write_text("#!/bin/sh\necho credentials not found in native keychain\nexit 1\n")
    helper.chmod(0o755)
    _write(tmp_path / ".docker/config.json", {"credsStore": "mine"})
    assert credentials.find(_environ(tmp_path, PATH=f"{tmp_path}:/bin"), "quay.io/a:1") is None


def test_a_helper_that_fails_tells_no_secret(tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-mine"
    helper.write_text("#!/bin/sh\necho hush-4711\necho hush-4711 >&2\nexit 3\n")
    helper.chmod(0o755)
    _write(tmp_path / ".docker/config.json", {"credsStore": "mine"})
    with pytest.raises(PullFailed) as raised:
        credentials.find(_environ(tmp_path, PATH=f"{tmp_path}:/bin"), "quay.io/a:1")
    assert "hush-4711" not in f"{raised.value!r} {raised.value} {raised.value.__cause__!r}"


def test_a_missing_helper_is_named(tmp_path: Path) -> None:
    _write(tmp_path / ".docker/config.json", {"credHelpers": {"quay.io": "absent"}})
    with pytest.raises(PullFailed, match="docker-credential-absent"):
        credentials.find(_environ(tmp_path), "quay.io/a:1")


@pytest.mark.parametrize("text", ["{ hush-4711", '{"auths": {"quay.io": {"auth": "hush-4711*"}}}'])
def test_a_damaged_file_tells_no_secret(tmp_path: Path, text: str) -> None:
    path = tmp_path / ".docker/config.json"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(PullFailed) as raised:
        credentials.find(_environ(tmp_path), "quay.io/a:1")
    assert str(path) in str(raised.value)
    error: BaseException | None = raised.value
    while error is not None:
        assert "hush-4711" not in f"{error} {error!r}"
        error = error.__cause__
