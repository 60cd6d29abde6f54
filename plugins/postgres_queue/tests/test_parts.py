"""What needs no server: queues, URLs, the record's way home."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dagu.contracts.history import RunQuery
from dagu.contracts.records import Status
from dagu.errors import DaguError, UsageError
from dagu_postgres_queue import timing
from dagu_postgres_queue.jobs import queue_name, queues_for
from dagu_postgres_queue.listening import listen
from dagu_postgres_queue.place import locked, place_of
from dagu_postgres_queue.queries import where
from dagu_postgres_queue.url import parameters, shown
from dagu_postgres_queue.worker_table import table


def test_a_worker_serves_every_set_of_its_labels() -> None:
    queues = queues_for(["gpu", "eu"])
    assert queues == ["dagu", "dagu+eu", "dagu+gpu", "dagu+eu+gpu"]
    assert queue_name(["gpu", "eu"]) in queues
    assert queue_name(["gpu"], engine=True) in queues_for(["gpu", "eu"], engine=True)
    assert queue_name(["gpu"], engine=True) not in queues
    assert queue_name(["gpu", "us"]) not in queues
    assert len(queues_for("abcdef")) == 64
    with pytest.raises(UsageError, match="at most 6"):
        queues_for("abcdefg")


def test_passwords(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\n")
    environ = {"DAGU_DATABASE_URL": "postgresql://me:in-the-url@db.internal/runs?sslmode=verify-full"}
    assert parameters(environ)["password"] == "in-the-url"
    assert parameters(environ)["sslmode"] == "verify-full"
    assert parameters(environ | {"DAGU_DATABASE_PASSWORD_FILE": str(file)})["password"] == "from the file"
    assert shown(environ) == "runs on db.internal"
    with pytest.raises(DaguError, match="nowhere"):
        parameters(environ | {"DAGU_DATABASE_PASSWORD_FILE": str(tmp_path / "nowhere")})


def test_an_unreadable_url_is_not_repeated() -> None:
    with pytest.raises(UsageError) as caught:
        parameters({"DAGU_DATABASE_URL": "postgresql://me:secret@[::1/runs"})
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError, match="is not set"):
        parameters({})


def test_a_home_has_one_id(tmp_path: Path) -> None:
    assert place_of(tmp_path / "a") == place_of(tmp_path / "a")
    assert place_of(tmp_path / "a") != place_of(tmp_path / "b")


def test_a_home_has_one_worker(tmp_path: Path) -> None:
    with (
        locked(tmp_path, "w"),
        pytest.raises(UsageError, match="runs on this machine"),
        locked(tmp_path, "w"),
    ):
        pass
    with locked(tmp_path, "w"):
        pass


def test_conditions() -> None:
    condition, values = where(RunQuery(status=[Status.FAILED], label="team=a", queue=""))
    assert condition.count("%s") == len(values)
    assert ["failed"] in values


def test_a_worker_is_through_before_another_may_begin() -> None:
    # Noticed a second late, asked to stop, killed; while the database waited for a statement of ten seconds.
    assert timing.FENCE + 1 + timing.STOP_GRACE + 10 < timing.REDISPATCH
    assert timing.RENEW * 3 < timing.LOST < 30


def test_the_table_of_workers() -> None:
    well = {
        "name": "gpu-1",
        "state": "ready",
        "runtime": "docker",
        "health": "ok",
        "active": 1,
        "limit": 4,
        "load": 0.04,
        "labels": ["eu", "gpu"],
        "host": "h",
        "seen_at": 100.0,
    }
    ill = {**well, "name": "b", "health": "podman does not answer", "labels": [], "seen_at": 103.5}
    assert table([well, ill, {**well, "health": ""}], 103.0) == [
        "NAME   STATE  ENGINE  HEALTH   RUNS  LOAD  LABELS  HOST  SEEN",
        "gpu-1  ready  docker  ok       1/4   0.0   eu,gpu  h     3 s ago",
        "b      ready  docker  bad      1/4   0.0           h     0 s ago",
        "gpu-1  ready  docker  unknown  1/4   0.0   eu,gpu  h     3 s ago",
        "b: podman does not answer",
    ]
    assert len(table([], 0.0)) == 1


def test_what_keeps_from_listening_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    ready = threading.Event()
    nowhere = {"DAGU_DATABASE_URL": "postgresql://dagu@127.0.0.1:1/none"}
    given = (nowhere, ("channel",), stop)
    thread = threading.Thread(
        target=listen, args=given, kwargs={"ready": ready.set, "tell": lambda _told: None}
    )
    thread.start()
    assert ready.wait(60)
    time.sleep(2.5)  # it tries again
    stop.set()
    thread.join()
    (record,) = caplog.records
    assert "none on 127.0.0.1" in record.message
    assert record.message.endswith("trying again")
