"""Which engine an environment chooses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from dagu.errors import EngineUnreachable
from dagu_docker_runtime.endpoint import Endpoint, choose


def make_context(
    folder: Path, name: str, host: str, *, skip: bool = False, certificates: bool = False
) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = folder / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    endpoints = {"docker": {"Host": host, "SkipTLSVerify": skip}}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": endpoints}))
    if certificates:
        write_certificates(folder / "contexts" / "tls" / digest / "docker")


def write_certificates(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).write_text("")
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    return folder


def chosen(config: Path, **environ: str) -> Endpoint:
    return choose({"DOCKER_CONFIG": str(config), **environ})


@pytest.mark.parametrize(
    ("environ", "url", "source"),
    [
        ({}, "unix:///var/run/docker.sock", "the default"),
        ({"DOCKER_HOST": ""}, "unix:///var/run/docker.sock", "the default"),
        ({"DOCKER_HOST": "unix:///run/other.sock"}, "unix:///run/other.sock", "DOCKER_HOST"),
        ({"DOCKER_HOST": " unix:///run/other.sock\n"}, "unix:///run/other.sock", "DOCKER_HOST"),
        ({"DOCKER_HOST": "tcp://engine"}, "tcp://engine:2375", "DOCKER_HOST"),
        ({"DOCKER_HOST": "tcp://engine:99/behind/"}, "tcp://engine:99/behind", "DOCKER_HOST"),
        ({"DOCKER_HOST": "engine:99"}, "tcp://engine:99", "DOCKER_HOST"),
        ({"DOCKER_HOST": "http://engine:99"}, "tcp://engine:99", "DOCKER_HOST"),
        ({"DOCKER_HOST": "https://engine"}, "tcp://engine:2376", "DOCKER_HOST"),
        ({"DOCKER_HOST": "tcp://[::1]:99"}, "tcp://[::1]:99", "DOCKER_HOST"),
        ({"DOCKER_HOST": "ssh://me@engine:22"}, "ssh://me@engine:22", "DOCKER_HOST"),
        ({"DOCKER_HOST": "ssh://me:secret@engine"}, "ssh://me@engine", "DOCKER_HOST"),
        ({"DOCKER_HOST": "tcp://me:secret@engine:99"}, "tcp://engine:99", "DOCKER_HOST"),
        ({"DOCKER_HOST": "unix:///a.sock", "DOCKER_CONTEXT": "away"}, "unix:///a.sock", "DOCKER_HOST"),
        ({"DOCKER_CONTEXT": "default"}, "unix:///var/run/docker.sock", "the default"),
        ({"DOCKER_CONTEXT": "away"}, "tcp://away:2375", "DOCKER_CONTEXT (away)"),
    ],
)
def test_choice(config: Path, environ: Mapping[str, str], url: str, source: str) -> None:
    make_context(config, "away", "tcp://away:2375")
    endpoint = chosen(config, **environ)
    assert (endpoint.url, endpoint.source) == (url, source)
    assert "secret" not in repr(endpoint)


@pytest.mark.parametrize("host", ["npipe:////./pipe/docker", "tcp://", "ssh://", "tcp://host:port", "fd://x"])
def test_what_is_no_endpoint_is_refused(config: Path, host: str) -> None:
    with pytest.raises(EngineUnreachable, match="DOCKER_HOST"):
        chosen(config, DOCKER_HOST=host)


def test_current_context(config: Path) -> None:
    make_context(config, "here", "unix:///run/here.sock")
    (config / "config.json").write_text(json.dumps({"currentContext": "here"}))
    endpoint = chosen(config)
    assert endpoint.url == "unix:///run/here.sock"
    assert endpoint.source == f"the current context of {config / 'config.json'} (here)"
    assert chosen(config, DOCKER_CONTEXT="default").url == "unix:///var/run/docker.sock"


def test_config_folder_is_found_by_home(tmp_path: Path) -> None:
    config = tmp_path / ".docker"
    make_context(config, "here", "unix:///run/here.sock")
    (config / "config.json").write_text(json.dumps({"currentContext": "here"}))
    assert choose({"HOME": str(tmp_path)}).url == "unix:///run/here.sock"


def test_missing_context(config: Path) -> None:
    with pytest.raises(EngineUnreachable, match="'away', chosen by DOCKER_CONTEXT") as raised:
        chosen(config, DOCKER_CONTEXT="away")
    assert "docker context ls" in raised.value.hint


def test_broken_context(config: Path) -> None:
    make_context(config, "away", "tcp://away:2375")
    next(config.glob("contexts/meta/*/meta.json")).write_text('{"Endpoints": []}')
    with pytest.raises(EngineUnreachable, match="cannot be read"):
        chosen(config, DOCKER_CONTEXT="away")


def test_broken_config_file(config: Path) -> None:
    (config / "config.json").write_text("{")
    with pytest.raises(EngineUnreachable, match=r"config\.json"):
        chosen(config)
    assert chosen(config, DOCKER_HOST="unix:///a.sock").url == "unix:///a.sock"


def test_api_version_is_taken_as_written(config: Path) -> None:
    assert chosen(config, DOCKER_API_VERSION="1.40").api_version == "1.40"
    assert chosen(config, DOCKER_API_VERSION="v1.40").api_version == "1.40"
    assert chosen(config).api_version == ""


class TestTls:
    def test_none_without_being_asked_for(self, config: Path) -> None:
        assert chosen(config, DOCKER_HOST="tcp://engine").tls is None
        assert chosen(config, DOCKER_HOST="tcp://engine", DOCKER_TLS_VERIFY="").tls is None

    def test_certificates_and_verification(self, config: Path, tmp_path: Path) -> None:
        folder = write_certificates(tmp_path / "certificates")
        environ = {"DOCKER_HOST": "tcp://engine", "DOCKER_CERT_PATH": str(folder)}
        tls = chosen(config, **environ, DOCKER_TLS_VERIFY="1").tls
        assert tls is not None
        assert (tls.ca, tls.cert, tls.key) == tuple(
            str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem")
        )
        assert tls.verify
        assert chosen(config, **environ).url == "tcp://engine:2376"

    def test_without_the_variable_nothing_is_verified(self, config: Path, tmp_path: Path) -> None:
        folder = write_certificates(tmp_path / "certificates")
        tls = chosen(config, DOCKER_HOST="tcp://engine", DOCKER_CERT_PATH=str(folder)).tls
        assert tls is not None
        assert not tls.verify

    def test_certificates_of_the_config_folder(self, config: Path) -> None:
        write_certificates(config)
        tls = chosen(config, DOCKER_HOST="tcp://engine", DOCKER_TLS_VERIFY="1").tls
        assert tls is not None
        assert tls.cert == str(config / "cert.pem")

    def test_all_missing_files_are_named(self, config: Path, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("")
        with pytest.raises(EngineUnreachable, match=r"lacks cert\.pem, key\.pem"):
            chosen(config, DOCKER_HOST="tcp://engine", DOCKER_CERT_PATH=str(tmp_path))

    def test_a_unix_socket_has_none(self, config: Path, tmp_path: Path) -> None:
        folder = write_certificates(tmp_path / "certificates")
        assert chosen(config, DOCKER_HOST="unix:///a.sock", DOCKER_CERT_PATH=str(folder)).tls is None

    def test_of_a_context(self, config: Path) -> None:
        make_context(config, "away", "tcp://away:2376", certificates=True)
        make_context(config, "lax", "tcp://lax:2376", skip=True)
        tls = chosen(config, DOCKER_CONTEXT="away").tls
        assert tls is not None
        assert tls.verify
        assert Path(tls.key).parent.name == "docker"
        lax = chosen(config, DOCKER_CONTEXT="lax").tls
        assert lax is not None
        assert not lax.verify
