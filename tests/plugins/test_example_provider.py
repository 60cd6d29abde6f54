"""The example of a third-party provider: installed into a clean environment, found, run, proven, taken away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugins" / "word_count_provider"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of core and of the example, as they would be published."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT / "core", EXAMPLE):
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
        subprocess.run([*build, str(source)], check=True, capture_output=True, timeout=300)
    return folder


@pytest.fixture(scope="module")
def environment(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with both and nothing else of ours; its folder of programs."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    words = [programs / "python", "-m", "pip", "install", "--quiet", "--find-links", wheels]
    subprocess.run([*words, "dagu-core[testing]", "dagu-example-provider"], check=True, timeout=600)
    return programs


def dagu(programs: Path, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [programs / "dagu", *words],
        env={
            "PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(home),
            "DAGU_HOME": str(home),
        },
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_found(environment: Path, tmp_path: Path) -> None:
    plugins = json.loads(dagu(environment, tmp_path, "plugins", "list", "--json").stdout)
    (ours,) = [plugin for plugin in plugins if plugin["distribution"] == "dagu-example-provider"]
    assert "word-count" in json.dumps(ours)


@pytest.mark.slow
def test_runs(environment: Path, tmp_path: Path) -> None:
    started = dagu(environment, tmp_path, "start", str(EXAMPLE / "count.yaml"))
    assert started.returncode == 0, started.stderr
    (output,) = tmp_path.glob("logs/*/*/count.1.stdout")
    assert output.read_text() == "5 words, the longest is these?\n"
    usage = json.loads(dagu(environment, tmp_path, "usage", "--json").stdout)
    assert [(row["provider"], row["input"]) for row in usage] == [("word-count", 5)]


@pytest.mark.slow
def test_passes_its_own_tests(environment: Path, tmp_path: Path) -> None:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", tmp_path]
    done = subprocess.run(
        [environment / "python", *words, EXAMPLE / "tests"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.slow
def test_taken_away_is_missed_by_name(environment: Path, tmp_path: Path) -> None:
    words = [environment / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "dagu-example-provider"]
    subprocess.run(words, check=True, timeout=120)
    started = dagu(environment, tmp_path, "start", str(EXAMPLE / "count.yaml"))
    assert started.returncode == 1
    assert "word-count" in started.stderr


def test_the_page_shows_the_example() -> None:
    page = (ROOT / "docs" / "plugins" / "writing-a-provider.md").read_text()
    sources = "\n".join(path.read_text() for path in EXAMPLE.rglob("*.py"))
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    assert [block for block in blocks if block not in sources] == []
