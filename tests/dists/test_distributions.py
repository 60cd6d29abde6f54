"""Each distribution is built, installed alone in a clean environment, and works there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "requirements" / "constraints.txt"
FOLDERS = {
    "dagu": ROOT,
    "dagu-core": ROOT / "core",
    "dagu-docker-runtime": ROOT / "plugins" / "docker_runtime",
    "dagu-podman-runtime": ROOT / "plugins" / "podman_runtime",
    "dagu-harness-providers": ROOT / "plugins" / "harness_providers",
    "dagu-web-server": ROOT / "plugins" / "web_server",
    "dagu-postgres-queue": ROOT / "plugins" / "postgres_queue",
}
PLUGINS = [name for name in FOLDERS if name not in {"dagu", "dagu-core"}]
IN_META = {*PLUGINS} - {"dagu-web-server", "dagu-postgres-queue"}
TESTED_WITH = {"dagu-web-server": ["httpx"]}
CLEAN = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DAGU_", "VIRTUAL"))
}


def call(*argv: str | Path, cwd: Path | None = None, status: int = 0, **env: str) -> str:
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=cwd,
        env={**CLEAN, **env},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == status, f"{argv}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wheels")
    for path in FOLDERS.values():
        call(sys.executable, "-m", "build", "-q", "--wheel", "--no-isolation", "--outdir", folder, path)
    return {wheel.name.split("-")[0].replace("_", "-"): wheel for wheel in folder.glob("*.whl")}


class Environment:
    """A virtual environment with nothing but what is asked for."""

    def __init__(self, folder: Path, wheels: dict[str, Path]) -> None:
        self.bin = folder / "bin"
        self.wheels = wheels
        venv.create(folder, with_pip=True)

    def install(self, *names: str) -> None:
        found = [self.wheels.get(name, name) for name in names]
        # --find-links lets the wheels satisfy each other's requirements, as an index would.
        links = str(next(iter(self.wheels.values())).parent)
        call(self.bin / "pip", "install", "-q", "-c", CONSTRAINTS, "--find-links", links, *found)

    def dagu(self, *arguments: str | Path, cwd: Path, status: int = 0, **env: str) -> str:
        return call(self.bin / "dagu", *arguments, cwd=cwd, status=status, DAGU_HOME=str(cwd / "home"), **env)


@pytest.fixture(scope="module")
def core_alone(tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("core"), wheels)
    environment.install("dagu-core")
    return environment


def test_versions_move_in_lockstep() -> None:
    versions = {
        name: tomllib.loads((path / "pyproject.toml").read_text())["project"]["version"]
        for name, path in FOLDERS.items()
    }
    assert len(set(versions.values())) == 1, versions


@pytest.mark.parametrize("name", list(FOLDERS))
def test_wheels_hold_what_they_should(name: str, wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels[name]) as wheel:
        names = wheel.namelist()
    metadata = next(entry for entry in names if entry.endswith("/METADATA"))
    assert metadata
    modules = {entry.split("/")[0] for entry in names if "dist-info" not in entry}
    expected = set() if name == "dagu" else {"dagu" if name == "dagu-core" else name.replace("-", "_")}
    assert modules == expected
    assert name == "dagu" or f"{expected.pop()}/py.typed" in names
    assert not [entry for entry in names if "test_" in entry]


def test_core_alone_runs_steps_on_the_host(core_alone: Environment, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("steps:\n  - id: greet\n    run: echo hello\n")
    core_alone.dagu("start", "--run-id", "one", "flow.yaml", cwd=tmp_path)
    assert core_alone.dagu("logs", "one", "greet", cwd=tmp_path) == "hello\n"


def test_core_alone_says_what_to_install(core_alone: Environment, tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text("container: {image: alpine}\nsteps:\n  - run: echo hello\n")
    message = core_alone.dagu("start", "flow.yaml", cwd=tmp_path, status=1)
    assert "pip install dagu-docker-runtime" in message
    assert "Traceback" not in message


def test_core_alone_brings_no_engine(core_alone: Environment) -> None:
    listed = json.loads(call(core_alone.bin / "pip", "list", "--format", "json"))
    names = {entry["name"] for entry in listed}
    assert "dagu-core" in names
    assert names.isdisjoint(
        {"docker", "podman", "dagu-docker-runtime", "dagu-harness-providers", "fastapi", "starlette"}
    )


@pytest.fixture(scope="module", params=PLUGINS)
def with_plugin(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path]
) -> tuple[str, Environment]:
    environment = Environment(tmp_path_factory.mktemp("plugin"), wheels)
    environment.install(request.param, "pytest", "hypothesis", *TESTED_WITH.get(request.param, ()))
    return request.param, environment


def test_a_plugin_alone_is_found(with_plugin: tuple[str, Environment], tmp_path: Path) -> None:
    name, environment = with_plugin
    listed = json.loads(environment.dagu("plugins", "list", "--json", cwd=tmp_path))
    rows = listed["plugins"] if isinstance(listed, dict) else listed
    assert {row["distribution"] for row in rows} == {name}
    assert {row["state"] for row in rows} == {"active"}


def test_a_plugin_alone_passes_its_own_tests(with_plugin: tuple[str, Environment]) -> None:
    name, environment = with_plugin
    tests = FOLDERS[name] / "tests"
    without = "not docker and not podman and not engine and not agents"
    out = call(
        environment.bin / "python",
        "-m",
        "pytest",
        "-q",
        "-c",
        ROOT / "pyproject.toml",
        "-m",
        without,
        tests,
        "-p",
        "no:cacheprovider",
        cwd=FOLDERS[name],
    )
    assert " passed" in out


def test_the_meta_distribution_brings_everything(
    tmp_path_factory: pytest.TempPathFactory, wheels: dict[str, Path], tmp_path: Path
) -> None:
    environment = Environment(tmp_path_factory.mktemp("meta"), wheels)
    environment.install("dagu")
    listed = json.loads(environment.dagu("plugins", "list", "--json", cwd=tmp_path))
    rows = listed["plugins"] if isinstance(listed, dict) else listed
    assert {row["distribution"] for row in rows} == IN_META
