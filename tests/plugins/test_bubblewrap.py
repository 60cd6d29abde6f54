"""The example of a third-party runtime: installed into a clean environment, proven, and used for a workflow.

It needs bubblewrap and a static BusyBox on this machine, which are installed, and no container engine.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from engines import packages  # noqa: E402

EXAMPLE = ROOT / "examples" / "plugins" / "bubblewrap_runtime"
WORKFLOW = ROOT / "examples" / "shared_container.yaml"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with core, the example and nothing else of ours; its folder of programs."""
    packages.need(packages.BUBBLEWRAP, packages.BUSYBOX)
    wheels = tmp_path_factory.mktemp("wheels")
    for source in (ROOT / "core", EXAMPLE):
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels)]
        subprocess.run([*build, str(source)], check=True, capture_output=True, timeout=300)
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    words = [programs / "python", "-m", "pip", "install", "--quiet", "--find-links", wheels]
    subprocess.run([*words, "dagu-core[testing]", "dagu-bubblewrap-runtime"], check=True, timeout=600)
    return programs


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of images that holds the workflow's."""
    folder = tmp_path_factory.mktemp("images")
    runpy.run_path(str(EXAMPLE / "tests" / "conftest.py"))["make_image"](folder / "alpine:3.20")
    return folder


def dagu(
    programs: Path, home: Path, images: Path, *words: str, **more: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [programs / "dagu", *words],
        env={
            "PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "DAGU_HOME": str(home / "dagu"),
            "DAGU_CONTAINER_RUNTIME": "bubblewrap",
            "DAGU_BUBBLEWRAP_IMAGES": str(images),
            **more,
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_found(environment: Path, images: Path, tmp_path: Path) -> None:
    plugins = json.loads(dagu(environment, tmp_path, images, "plugins", "list", "--json").stdout)
    (ours,) = [plugin for plugin in plugins if plugin["distribution"] == "dagu-bubblewrap-runtime"]
    assert "bubblewrap" in json.dumps(ours)


@pytest.mark.slow
def test_passes_its_own_tests(environment: Path, tmp_path: Path) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path]
    done = subprocess.run(
        [environment / "python", *words, EXAMPLE / "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.slow
def test_is_certified_from_the_command_line(environment: Path, images: Path, tmp_path: Path) -> None:
    words = ["runtime", "certify", "bubblewrap", "--only", "test_exec or test_archives", "--json"]
    done = dagu(environment, tmp_path, images, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["runtime"] == "bubblewrap"
    assert report["passed"] is True


@pytest.mark.slow
def test_runs_the_workflow_with_a_shared_container(environment: Path, images: Path, tmp_path: Path) -> None:
    shutil.copy(WORKFLOW, tmp_path / "shared.yaml")
    started = dagu(environment, tmp_path, images, "start", "shared.yaml")
    assert started.returncode == 0, started.stderr
    (read,) = tmp_path.glob("dagu/logs/*/*/read_file.1.stdout")
    assert read.read_text() == "from command step\n3.20.0\n"
    assert (tmp_path / "shared.txt").read_text() == "from command step\n"
    state = tmp_path / ".local/state/dagu/bubblewrap/containers"
    assert [entry.name for entry in state.iterdir() if entry.name != "names"] == []


@pytest.mark.slow
def test_refuses_what_it_would_weaken(environment: Path, images: Path, tmp_path: Path) -> None:
    workflow = tmp_path / "limited.yaml"
    workflow.write_text(
        "container:\n  image: alpine:3.20\n  memory: 64m\nsteps:\n  - id: never\n    run: touch ran\n"
    )
    started = dagu(environment, tmp_path, images, "start", str(workflow))
    assert started.returncode == 1
    assert "memory-limit" in started.stderr
    assert not (tmp_path / ".local").exists()


@pytest.mark.slow
def test_a_missing_image_is_told_with_the_remedy(environment: Path, tmp_path: Path) -> None:
    shutil.copy(WORKFLOW, tmp_path / "shared.yaml")
    started = dagu(environment, tmp_path, tmp_path / "no-images", "start", "shared.yaml")
    assert started.returncode == 1
    assert "alpine:3.20" in started.stderr
    assert "Traceback" not in started.stderr


def test_the_page_shows_the_example() -> None:
    page = (ROOT / "docs" / "plugins" / "writing-a-runtime.md").read_text()
    sources = "\n".join(path.read_text() for path in EXAMPLE.rglob("*.py"))
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    assert [block for block in blocks if block not in sources] == []
