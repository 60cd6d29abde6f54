"""One server works on a database: another one is refused, or waits, and none works beside it."""

from __future__ import annotations

import platform
import signal
from pathlib import Path

from workers_site import DAGU, Process, Seen, Site, until

from dagu_postgres_queue.place import place_of
from dagu_postgres_queue.right import Right

LOCAL = """
worker_selector: local
steps:
  - id: where
    run: echo "$DAGU_HOME" >> "$SITE/where"
"""


def server(site: Site, name: str, home: Path) -> Process:
    env = site.env(home, DAGU_ENV_PASSTHROUGH="SITE", DAGU_DEBUG="0")
    process = Process(name, [str(DAGU), "scheduler"], env, site.directory / f"{name}.log")
    site.processes.append(process)
    return process


def works(process: Process) -> None:
    until(lambda: "scheduler started" in process.text() or not process.alive, what="it works")
    assert process.alive, process.text()


def test_a_second_server_is_refused_until_the_first_is_gone(site: Site, seen: Seen) -> None:
    first = server(site, "first", site.home)
    works(first)
    other = site.directory / "other"
    refused = server(site, "refused", other)
    assert refused.wait() == 1
    assert refused.text() == (
        f"Error: the database has a server already: {platform.node()[:24]}:{site.home}\n"
        "  hint: stop that one, or give this one a database of its own\n"
    )
    assert first.alive
    first.kill()
    works(server(site, "second", other))
    seen("two-servers")


def test_another_server_of_the_same_home_takes_over(site: Site) -> None:
    first = server(site, "first", site.home)
    works(first)
    second = server(site, "second", site.home)
    until(lambda: "waiting for its end" in second.text(), what="it waits")
    assert second.alive
    first.kill()
    works(second)


def test_a_server_waits_for_one_on_another_machine_that_shares_its_home(site: Site) -> None:
    # A lock in the home may mean nothing to another machine.
    other = Right({"DAGU_DATABASE_URL": site.url}, site.home, place_of(site.home))
    assert other.hold()
    waiting = server(site, "waiting", site.home)
    until(lambda: "waiting for its end" in waiting.text(), what="it waits")
    assert "scheduler started" not in waiting.text()
    other.close()
    works(waiting)


def test_a_server_keeps_its_right_when_the_database_was_restarted(private_site: Site) -> None:
    site = private_site
    first = server(site, "first", site.home)
    works(first)
    site.postgres.stop()
    site.postgres.start()
    held = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dagu server %'"
    until(lambda: site.sql(held) == "1", what="it takes it again")
    assert server(site, "refused", site.directory / "other").wait() == 1
    site.workflow("local", LOCAL)
    assert site.until_status(site.enqueue("local"), "succeeded", "failed")["status"] == "succeeded"
    assert first.alive


def test_a_server_that_lost_its_right_does_nothing_more(private_site: Site) -> None:
    site = private_site
    first = server(site, "first", site.home)
    works(first)
    first.signal(signal.SIGSTOP)
    site.postgres.stop()
    site.postgres.start()
    home = site.directory / "other"
    second = server(site, "second", home)
    works(second)
    second.signal(signal.SIGSTOP)  # so that only the first one could do what there is to do
    site.workflow("local", LOCAL)
    run_id = site.enqueue("local")
    output = "logs/local/some-run/where.1.stdout"
    site.sql(
        'INSERT INTO dagu_chunks (run_id, path, "offset", size, data)'
        f" VALUES ('some-run', '{output}', 0, 2, 'hi')"
    )
    first.signal(signal.SIGCONT)
    assert first.wait() == 1
    assert f"the database has a server already: {platform.node()[:24]}:" in first.text()
    assert "site/other\n" in first.text()
    assert site.run(run_id)["status"] == "queued"
    assert not site.home.joinpath(output).exists()
    second.signal(signal.SIGCONT)
    site.until_status(run_id, "succeeded")
    until(home.joinpath(output).exists, what="output comes home")
    assert site.file("where").read_text() == f"{home}\n"
