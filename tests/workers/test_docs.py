"""The page about workers does what it says: a server and a worker, set up by its commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workers_postgres import Postgres
from workers_site import DAGU, HANG, Process, Site, until

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "docs"))

from pages import Command, missing, read_page

ROOT = Path(__file__).resolve().parents[2]
LASTING = ("dagu start-all", "dagu worker --")


def test_the_page(postgres: Postgres, database: str, tmp_path: Path) -> None:
    # What the page itself has done already is not to be done by the frame of the tests.
    site = Site(postgres, database.rpartition("/")[2], tmp_path / "site", migrated=False)
    text = (ROOT / "docs" / "workers.md").read_text()
    page = tmp_path / "workers.md"
    page.write_text(text.replace("not-run: in the stage `workers`, where there is a database", ""))
    try:
        for step in read_page(page).steps:
            if not isinstance(step, Command):
                (site.dags / step[0]).write_text(step[1])
            else:
                carry_out(site, step)
    finally:
        site.close()


def carry_out(site: Site, step: Command) -> None:
    if step.text.startswith(LASTING):
        worker = "worker" in step.text
        home = site.directory / "worker" if worker else site.home
        env = site.env(home, DAGU_PORT="0")
        process = Process(
            step.text, [str(DAGU), *step.text.split()[1:]], env, site.directory / f"{worker}.log"
        )
        site.processes.append(process)
        ready = "takes up to" if worker else "scheduler started"
        until(lambda: ready in process.text() or not process.alive, what=step.text)
        assert process.alive, process.text()
        return
    env = site.env(site.home, PATH=f"{DAGU.parent}:/usr/bin:/bin")
    done = subprocess.run(
        ["bash", "-c", step.text], env=env, capture_output=True, text=True, timeout=HANG, check=False
    )
    shown = f"$ {step.text}\n{done.stdout}{done.stderr}"
    assert done.returncode == step.status, shown
    assert not missing(step.lines, done.stdout + done.stderr), shown


def test_the_ways_to_bring_files(site: Site) -> None:
    """The workflows of the page that have files on a worker."""
    texts = dict(
        step for step in read_page(ROOT / "docs" / "workers.md").steps if not isinstance(step, Command)
    )
    repository = site.home / "shop"
    repository.mkdir()
    (repository / "Makefile").write_text("test:\n\t@echo tested\n")
    git = ["git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "All"]):
        subprocess.run([*git, *arguments], check=True)
    for name in ("checkout", "along"):
        site.workflow(name, texts[f"{name}.yaml"])
    site.start_server()
    site.start_worker("w1")
    checkout = site.enqueue("checkout", "--", f"repository=file://{repository}")
    along = site.enqueue("along")
    for run_id in (checkout, along):
        assert site.until_status(run_id, "succeeded", "failed")["status"] == "succeeded"
    assert site.dagu("logs", checkout, "test", "--follow") == "tested\n"
    (report,) = until(lambda: list((site.home / "artifacts").rglob("report.txt")))
    assert report.read_text() == "tested\n"
