"""What a run on a worker prints and makes comes home."""

from __future__ import annotations

import hashlib
import subprocess

from workers_site import DAGU, GATED, HANG, Seen, Site, began, until

MAKE = """
params:
  - who: world
artifacts: {enabled: true}
steps:
  - id: greet
    run: |
      echo "hello ${params.who} from $WORKER"
      echo trouble >&2
      echo content > "$DAG_RUN_ARTIFACTS_DIR/made.txt"
      env | grep -c DAGU_DATABASE || true
    output: SAID
  - id: child
    action: dag.run
    with: {dag: below}
    depends: greet
---
name: below
steps:
  - id: inner
    run: echo inside
"""


def test_a_run_and_all_that_it_made_come_home(site: Site) -> None:
    site.start_server()
    site.start_worker("w1")
    site.workflow("make", MAKE)
    run_id = site.enqueue("make", "--", "who=you")
    run = site.until_status(run_id, "succeeded", "failed")
    assert run["status"] == "succeeded", run
    assert run["workerId"] == "w1"
    assert run["file"] == str(site.dags / "make.yaml")
    assert "hello you from w1" in str(run["steps"][0]["outputs"])
    assert site.dagu("logs", run_id, "greet", "--follow") == "hello you from w1\n0\n"
    assert site.dagu("logs", run_id, "greet", "--stderr") == "trouble\n"
    (made,) = (site.home / "artifacts").rglob("made.txt")
    assert made.read_text() == "content\n"
    (inner,) = (site.home / "logs").rglob("inner.1.stdout")
    assert inner.read_text() == "inside\n"
    local = next((site.directory / "w1").rglob("greet.1.stdout"))
    assert local.read_bytes() == b"hello you from w1\n0\n"


def test_output_is_followed_while_the_run_lives(site: Site) -> None:
    site.start_server()
    site.start_worker("w1")
    site.workflow("gated", GATED)
    run_id = site.enqueue("gated")
    began(site, run_id)
    following = subprocess.Popen(
        [DAGU, "logs", run_id, "--follow"], env=site.env(site.home), stdout=subprocess.PIPE, text=True
    )
    assert following.stdout is not None
    assert following.stdout.readline() == "w1 began\n"
    site.file("gate").touch()
    assert following.stdout.readline() == "done\n"
    assert following.stdout.read() == ""
    assert following.wait(HANG) == 0


def test_artifacts_are_at_home_while_the_run_lives(site: Site, seen: Seen) -> None:
    site.start_server()
    worker = site.start_worker("w1")
    site.workflow(
        "making",
        """
artifacts: {enabled: true}
steps:
  - id: make
    run: |
      cd "$DAG_RUN_ARTIFACTS_DIR"
      echo first > report.txt; echo passing > passing.txt; head -c 3000000 /dev/zero > large
      while [ ! -e "$SITE/gate" ]; do sleep 0.05; done
      echo second > report.txt; rm passing.txt; echo end >> large
      sleep 600
""",
    )
    site.enqueue("making")
    home = site.home / "artifacts"

    def there() -> dict[str, int]:
        return {path.name: path.stat().st_size for path in home.rglob("*") if path.is_file()}

    until(lambda: there() == {"report.txt": 6, "passing.txt": 8, "large": 3000000}, what="they are at home")
    site.file("gate").touch()
    until(lambda: there() == {"report.txt": 7, "large": 3000004}, what="what changed is at home")
    worker.kill_all()
    assert next(home.rglob("report.txt")).read_text() == "second\n"
    seen("artifacts")


def test_fifty_megabytes_come_home_byte_for_byte(site: Site, seen: Seen) -> None:
    site.start_server()
    site.start_worker("w1")
    site.workflow(
        "much",
        'steps: [{id: a, run: head -c 52428800 /dev/urandom | tee "$SITE/much"}]',
    )
    run_id = site.enqueue("much")
    site.until_status(run_id, "succeeded")
    digest = hashlib.sha256()
    with subprocess.Popen(
        [DAGU, "logs", run_id, "a", "--follow"], env=site.env(site.home), stdout=subprocess.PIPE
    ) as reading:
        assert reading.stdout is not None
        size = 0
        while block := reading.stdout.read(1 << 20):
            size += len(block)
            digest.update(block)
    assert size == 52428800
    assert digest.hexdigest() == hashlib.sha256(site.file("much").read_bytes()).hexdigest()
    seen("output")
