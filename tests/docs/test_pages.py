"""Every workflow and command in the documentation does what the page says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from pages import Command, missing, read_page

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BIN = Path(sys.executable).parent


def pages(*, docker: bool) -> list[Path]:
    """The pages with commands, told apart by whether they need an engine."""
    chosen = []
    for path in PAGES:
        page = read_page(path)
        text = " ".join(step.text if isinstance(step, Command) else step[1] for step in page.steps)
        needs = any(word in text for word in ("container:", "docker.run", "container.run", "dagu runtime"))
        if any(isinstance(step, Command) for step in page.steps) and needs is docker:
            chosen.append(path)
    return chosen


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", pages(docker=False), ids=name)
def test_commands(path: Path, tmp_path: Path) -> None:
    run_page(path, tmp_path)


@pytest.mark.docker
@pytest.mark.parametrize("path", pages(docker=True), ids=name)
def test_commands_with_containers(path: Path, tmp_path: Path) -> None:
    run_page(path, tmp_path)


def run_page(path: Path, directory: Path) -> None:
    environ = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "DAGU_HOME": str(directory / ".home"),
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    for step in read_page(path).steps:
        if not isinstance(step, Command):
            target = directory / step[0]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(step[1])
            continue
        if step.text.startswith(("make ", "git clone", "cd dagu")):
            continue  # these are what CI itself does
        done = subprocess.run(
            ["bash", "-c", step.text],
            cwd=directory,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        shown = f"$ {step.text}\n{done.stdout}{done.stderr}"
        assert done.returncode == step.status, shown
        assert not missing(step.lines, done.stdout + done.stderr), shown


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_workflows_are_valid(path: Path, tmp_path: Path) -> None:
    """Each YAML block with a file name that is a workflow passes ``dagu validate``."""
    from dagu.workflow.load import load_text

    for step in read_page(path).steps:
        if isinstance(step, tuple) and step[0].endswith((".yaml", ".yml")) and "steps:" in step[1]:
            load_text(step[1], name=step[0])


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_block_says_what_it_is(path: Path) -> None:
    """A block of YAML or commands is either checked, or says why not."""
    for info in read_page(path).languages:
        language = info.split()[0]
        assert (
            language in {"text", "python", "toml", "ini", "dockerfile"}
            or " " in info
            or language == "console"
        ), f"{name(path)}: ```{info}: give the block a file name, or `not-run: REASON`"


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    import re

    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (path.parent / target).exists(), f"{name(path)}: {target}"
