"""Settings: flags over environment over the file over defaults."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from dagu.errors import DaguError, UsageError
from dagu.service.config import load_config


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def write(home: Path, text: str) -> None:
    (home / "config.yaml").write_text(text)


def test_defaults(home: Path) -> None:
    config = load_config({"DAGU_HOME": str(home), "TZ": "Europe/Paris"})
    assert config.dags_dir == home / "dags"
    assert config.zone == ZoneInfo("Europe/Paris")
    assert config.queues == {}
    assert config.base_config is None
    assert (config.settings["DAGU_HOST"], config.settings["DAGU_PORT"]) == ("127.0.0.1", "8080")


def test_flags_over_environment_over_file(home: Path) -> None:
    write(home, "host: a\nport: 1\ndags_dir: in-file\n")
    environ = {"DAGU_HOME": str(home), "DAGU_PORT": "2", "DAGU_DAGS_DIR": "/in/environment"}
    config = load_config(environ, {"DAGU_DAGS_DIR": "/in/flag", "DAGU_PORT": ""})
    assert (config.settings["DAGU_HOST"], config.settings["DAGU_PORT"]) == ("a", "2")
    assert config.dags_dir == Path("/in/flag")
    assert load_config({"DAGU_HOME": str(home)}).dags_dir == home / "in-file"


def test_where_relative_paths_start(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(home, "dags_dir: flows\nbase_config: base.yaml\n")
    config = load_config({"DAGU_HOME": "home"})
    assert (config.dags_dir, config.base_config) == (home / "flows", home / "base.yaml")
    config = load_config({"DAGU_HOME": "home", "DAGU_BASE_CONFIG": "b.yaml"}, {"DAGU_DAGS_DIR": "d"})
    assert (config.dags_dir, config.base_config) == (tmp_path / "d", tmp_path / "b.yaml")
    assert config.run_environ["DAGU_BASE_CONFIG"] == str(tmp_path / "b.yaml")


def test_whatever_services_know_has_a_name(home: Path) -> None:
    write(home, "tls: {cert: c.pem, key: k.pem}\nauth:\n  tokens: [a, b]\nmetrics: true\ntz: Asia/Tokyo\n")
    config = load_config({"DAGU_HOME": str(home), "TZ": "UTC"})
    assert config.settings["DAGU_TLS_CERT"] == "c.pem"
    assert config.settings["DAGU_AUTH_TOKENS"] == "a,b"
    assert config.settings["DAGU_METRICS"] == "true"
    assert config.zone == ZoneInfo("Asia/Tokyo")


def test_queues(home: Path) -> None:
    write(home, "queues:\n  slow: {max_active_runs: 2}\n  quick: 9\n")
    assert load_config({"DAGU_HOME": str(home)}).queues == {"slow": 2, "quick": 9}


def test_runs_do_not_get_the_secrets_of_services(home: Path) -> None:
    environ = {"DAGU_HOME": str(home), "DAGU_AUTH_TOKENS": "t", "DAGU_TLS_KEY": "k", "OTHER": "o"}
    config = load_config(environ, {"DAGU_DAGS_DIR": "/flows"})
    assert config.run_environ == {"DAGU_HOME": str(home), "DAGU_DAGS_DIR": "/flows", "OTHER": "o"}
    assert config.settings["DAGU_AUTH_TOKENS"] == "t"
    assert "DAGU_AUTH_TOKENS" not in repr(config)


def test_every_mistake_of_the_file_with_its_place(home: Path) -> None:
    write(home, "port: 1\nport: 2\nqueues:\n  a: {max_active_runs: 0}\n  b: {max: 1}\n  c: x\nlist: [[1]]\n")
    with pytest.raises(DaguError) as caught:
        load_config({"DAGU_HOME": str(home)})
    lines = [line.removeprefix(f"{home}/config.yaml:") for line in str(caught.value).splitlines()]
    assert [line.partition(" ")[0] for line in lines] == ["2:1:", "4:24:", "5:6:", "5:7:", "6:6:", "7:7:"]
    assert "must be a whole number from 1 on" in lines[1]
    assert "there is no 'max' here" in lines[3]


@pytest.mark.parametrize("text", ["- a\n", "a: b\n---\nc: d\n", "text\n"])
def test_the_file_is_one_mapping(home: Path, text: str) -> None:
    write(home, text)
    with pytest.raises(DaguError, match="one mapping of settings"):
        load_config({"DAGU_HOME": str(home)})


def test_a_file_that_is_no_yaml_and_one_that_says_nothing(home: Path) -> None:
    write(home, "a: [\n")
    with pytest.raises(DaguError, match=r"config\.yaml:2:1: not valid yaml"):
        load_config({"DAGU_HOME": str(home)})
    write(home, "# nothing\n")
    assert load_config({"DAGU_HOME": str(home), "TZ": ":UTC"}).zone is UTC


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("DAGU_TZ", "Nowhere", "DAGU_TZ: there is no time zone 'Nowhere'"),
        ("TZ", "Nowhere", "TZ: there is no time zone 'Nowhere'"),
        ("DAGU_STOP_GRACE", "soon", "no number of seconds"),
        ("DAGU_STOP_GRACE", "-1", "no number of seconds"),
        ("DAGU_STOP_GRACE", "nan", "no number of seconds"),
        ("DAGU_MAX_ACTIVE_RUNS", "0", "no whole number from 1 on"),
        ("DAGU_MAX_ACTIVE_RUNS", "many", "no whole number from 1 on"),
    ],
)
def test_variables_that_do_not_fit(home: Path, name: str, value: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        load_config({"DAGU_HOME": str(home), name: value})
