"""``workspace: copy``: the working directory goes along."""

from __future__ import annotations

import signal

from workers_site import Seen, Site

TEXT = """
workspace: copy
working_dir: ../repository
steps:
  - id: build
    run: echo built >> file.txt; cat sub/name; pwd
  - id: check
    run: cat file.txt; test -e "$SITE/mended"
    depends: build
"""


def test_a_working_directory_goes_along(site: Site, seen: Seen) -> None:
    repository = site.home / "repository"
    (repository / "sub").mkdir(parents=True)
    (repository / "sub" / "name").write_text("from the server\n")
    (repository / "file.txt").write_text("made\n")
    site.start_server()
    worker = site.start_worker("w1")
    site.workflow("copied", TEXT)
    run_id = site.enqueue("copied")
    assert site.until_status(run_id, "failed", "succeeded")["status"] == "failed"
    name, place = site.dagu("logs", run_id, "build", "--follow").splitlines()
    assert name == "from the server"
    assert place.startswith(str(site.directory / "w1"))
    assert (repository / "file.txt").read_text() == "made\n"

    # Where it was before, a retry finds what the steps before have done.
    again = site.enqueue("copied")  # it shows that the failed run's copy is its own
    site.until_status(again, "failed")
    site.file("mended").touch()
    site.dagu("retry", run_id)
    site.until_status(run_id, "succeeded")
    assert site.dagu("logs", run_id, "check", "--follow", "--attempt", "2") == "made\nbuilt\n"

    # Another worker has a copy of what is on the server.
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    site.start_worker("w2")
    site.dagu("retry", again)
    site.until_status(again, "succeeded")
    assert site.dagu("logs", again, "check", "--follow", "--attempt", "2") == "made\n"
    assert site.sql("SELECT count(*) FROM dagu_workspaces") == "0"
    seen("workspace")


def test_one_that_can_not_be_sent_fails_the_run(site: Site) -> None:
    site.start_server()
    site.start_worker("w1")
    site.workflow("lost", TEXT.replace("../repository", "/no/such/place"))
    site.workflow("unknown", TEXT.replace("../repository", "${params.x}"))
    for name, told in (("lost", "/no/such/place can't be sent"), ("unknown", "holds no references")):
        run = site.until_status(site.enqueue(name), "failed")
        assert told in run["error"]


def test_here_it_is_the_directory_itself(site: Site) -> None:
    (site.home / "repository" / "sub").mkdir(parents=True)
    (site.home / "repository" / "sub" / "name").touch()
    site.workflow("copied", TEXT.replace("$SITE/mended", "file.txt"))
    site.dagu("start", str(site.dags / "copied.yaml"))
    assert (site.home / "repository" / "file.txt").read_text() == "built\n"
