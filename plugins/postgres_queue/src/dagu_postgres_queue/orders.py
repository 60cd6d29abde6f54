"""Orders: who owns a run on a worker, by a lease with a fencing number; judged by the database's clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dagu.contracts.records import Status
from dagu.contracts.shared import AGAIN, BEGIN, RETRY, Order
from dagu.errors import UsageError
from dagu_postgres_queue import jobs, workspaces
from dagu_postgres_queue.database import Connection
from dagu_postgres_queue.timing import LOST, REDISPATCH

TOLD = "dagu_orders"
"""The channel on which a wish for a run on a worker is told."""

Row = dict[str, Any]


class Fenced(Exception):
    """Another owner has the run, or nobody has; what an old owner writes changes nothing."""


def send(connection: Connection, order: Order) -> None:
    """Order a run, and put the job for it in its queue. A run that was to begin and has begun is left alone.

    Raises:
        UsageError: It is ordered already, or a lost worker may have it still.
    """
    if order.command == BEGIN:
        # Whoever orders it may have seen it a moment ago: meanwhile it may have begun, and even ended.
        waits = connection.execute(
            "SELECT 1 FROM dagu_runs WHERE run_id = %s AND status = %s FOR UPDATE",
            (order.run_id, Status.QUEUED.value),
        ).fetchone()
        if waits is None:
            return
    row = connection.execute(
        "INSERT INTO dagu_orders (run_id, command, selector, on_lost, engine) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING RETURNING *",
        (order.run_id, order.command, list(order.selector), order.on_lost, order.engine),
    ).fetchone()
    if row is None:
        _refuse(connection, order.run_id)
        return
    if order.workspace is not None:
        workspaces.put(connection, order.run_id, order.workspace)
    _defer(connection, row)


def _refuse(connection: Connection, run_id: str) -> None:
    row = connection.execute("SELECT state, worker FROM dagu_orders WHERE run_id = %s", (run_id,)).fetchone()
    if row is not None and row["state"] == "lost":
        raise UsageError(
            f"run {run_id} may still be running: worker {row['worker']!r} was lost and did not say that it stopped",
            hint=f"wait for it to come back; if it never will: dagu worker forget {row['worker']}",
        )
    raise UsageError(f"run {run_id} is a worker's already", hint=f"see `dagu status --run-id {run_id}`")


def _defer(connection: Connection, order: Row) -> None:
    run_id = order["run_id"]
    run = connection.execute("SELECT priority FROM dagu_runs WHERE run_id = %s", (run_id,)).fetchone()
    assert run is not None
    jobs.defer(
        connection,
        queue=jobs.queue_name(order["selector"], engine=order["engine"]),
        priority=run["priority"],
        run_id=run_id,
        fence=order["fence"],
    )


def take(connection: Connection, queues: Sequence[str], worker: str, incarnation: str) -> Row | None:
    """Become the owner of the next run, as a part of the connection's transaction; None if there is none."""
    while (job := jobs.fetch(connection, queues)) is not None:
        run_id, fence = job
        row = connection.execute(
            "UPDATE dagu_orders AS o SET state = 'taken', worker = %s, incarnation = %s,"
            " lease_at = clock_timestamp() FROM dagu_runs AS r WHERE o.run_id = %s AND o.fence = %s"
            " AND o.state = 'waiting' AND r.run_id = o.run_id AND (o.command <> %s OR r.status = %s) RETURNING o.*",
            (worker, incarnation, run_id, fence, BEGIN, Status.QUEUED.value),
        ).fetchone()
        if row is not None:
            return row
        # Somebody took it out of its queue.
        connection.execute(
            "DELETE FROM dagu_orders WHERE run_id = %s AND fence = %s AND state = 'waiting'", (run_id, fence)
        )
    return None


def guard(connection: Connection, run_id: str, fence: int) -> None:
    """Make sure, until the end of the transaction, that the owner with that number still is it.

    Raises:
        Fenced: It is not.
    """
    found = connection.execute(
        "SELECT 1 FROM dagu_orders WHERE run_id = %s AND fence = %s AND state = 'taken' FOR SHARE",
        (run_id, fence),
    ).fetchone()
    if found is None:
        raise Fenced(run_id)


def finish(connection: Connection, run_id: str, fence: int) -> None:
    """Give a run up that ended.

    Raises:
        Fenced: It was another's already.
    """
    done = connection.execute(
        "DELETE FROM dagu_orders WHERE run_id = %s AND fence = %s AND state = 'taken'", (run_id, fence)
    )
    if not done.rowcount:
        raise Fenced(run_id)


def hand_back(connection: Connection, run_id: str, fence: int) -> None:
    """Give a run that was stopped to another worker.

    Raises:
        Fenced: It was another's already.
    """
    row = connection.execute(
        "SELECT * FROM dagu_orders WHERE run_id = %s AND fence = %s AND state = 'taken' FOR UPDATE",
        (run_id, fence),
    ).fetchone()
    if row is None:
        raise Fenced(run_id)
    _again(connection, row)


def confirm(connection: Connection, run_id: str, fence: int) -> None:
    """A lost worker is back, and has stopped the run."""
    connection.execute(
        "DELETE FROM dagu_orders WHERE run_id = %s AND fence = %s AND state = 'lost'", (run_id, fence)
    )


def cancel(connection: Connection, run_id: str, at: float) -> bool:
    """Wish for the end of a run; False if no worker has it, nor is to have it."""
    row = connection.execute("SELECT * FROM dagu_orders WHERE run_id = %s FOR UPDATE", (run_id,)).fetchone()
    if row is None or (row["state"] == "lost" and (row["on_lost"] != AGAIN or row["again"])):
        return False
    if row["state"] == "taken":
        wish = "kill" if row["desired"] else "cancel"
        connection.execute("UPDATE dagu_orders SET desired = %s WHERE run_id = %s", (wish, run_id))
        connection.execute("SELECT pg_notify(%s, '')", (TOLD,))
        return True
    if row["state"] == "lost":
        connection.execute("UPDATE dagu_orders SET again = true WHERE run_id = %s", (run_id,))
        return True
    connection.execute("DELETE FROM dagu_orders WHERE run_id = %s", (run_id,))
    connection.execute(
        "UPDATE dagu_runs SET status = %s, error = %s, finished_at = %s WHERE run_id = %s AND status = %s",
        (Status.ABORTED.value, "stopped before it began", at, run_id, Status.QUEUED.value),
    )
    return True


def renew(connection: Connection, worker: str, incarnation: str, run_ids: Sequence[str]) -> list[Row]:
    """Renew leases of a worker: ``run_id``, ``fence`` and ``desired`` of those that it still has."""
    return connection.execute(
        "UPDATE dagu_orders SET lease_at = clock_timestamp() WHERE worker = %s AND incarnation = %s"
        " AND state = 'taken' AND run_id = ANY(%s) RETURNING run_id, fence, desired",
        (worker, incarnation, list(run_ids)),
    ).fetchall()


def reap(connection: Connection) -> list[str]:
    """Note which leases ran out, and give to others what they may take up.

    Returns:
        What was done, for operators.
    """
    said = []
    lost = connection.execute(
        "UPDATE dagu_orders SET state = 'lost' WHERE state = 'taken'"
        " AND lease_at < clock_timestamp() - make_interval(secs => %s) RETURNING *",
        (LOST,),
    ).fetchall()
    for row in lost:
        interrupt(connection, row["run_id"], f"its worker {row['worker']} was lost")
        said.append(f"worker {row['worker']} is lost; run {row['run_id']} is interrupted")
    waiting = connection.execute(
        "SELECT * FROM dagu_orders WHERE state = 'lost' AND on_lost = %s AND NOT again"
        " AND lease_at < clock_timestamp() - make_interval(secs => %s) FOR UPDATE SKIP LOCKED",
        (AGAIN, REDISPATCH),
    ).fetchall()
    for row in waiting:
        _again(connection, row)
        said.append(f"run {row['run_id']} of lost worker {row['worker']} goes to another one")
    return said


def take_over(connection: Connection, worker: str, incarnation: str) -> None:
    """A worker is back under its name, and nothing of what it ran before is left on its machine."""
    rows = connection.execute(
        "SELECT * FROM dagu_orders WHERE worker = %s AND incarnation <> %s"
        " AND state IN ('taken', 'lost') FOR UPDATE",
        (worker, incarnation),
    ).fetchall()
    for row in rows:
        release(connection, row)


def release(connection: Connection, row: Row) -> None:
    """Give up a run whose worker surely runs it no more."""
    interrupt(connection, row["run_id"], f"its worker {row['worker']} was lost")
    if row["on_lost"] == AGAIN and not row["again"]:
        _again(connection, row)
    else:
        connection.execute("DELETE FROM dagu_orders WHERE run_id = %s", (row["run_id"],))


def _again(connection: Connection, row: Row) -> None:
    # One that never came so far as to record its steps begins.
    unbegun = connection.execute(
        "UPDATE dagu_runs SET status = %s, error = '' WHERE run_id = %s AND attempt_id = ''",
        (Status.QUEUED.value, row["run_id"]),
    ).rowcount
    found = connection.execute(
        "UPDATE dagu_orders SET state = 'waiting', again = true, command = %s, worker = '', incarnation = '',"
        " desired = '', fence = nextval('dagu_fence') WHERE run_id = %s RETURNING *",
        (BEGIN if unbegun else RETRY, row["run_id"]),
    ).fetchone()
    assert found is not None
    _defer(connection, found)


def interrupt(connection: Connection, run_id: str, reason: str) -> None:
    """Store that a run was interrupted, with its children and all that ran of them."""
    ended = Status.INTERRUPTED.value
    states = [Status.RUNNING.value, Status.RETRYING.value, Status.QUEUED.value]
    ids = [
        row["run_id"]
        for row in connection.execute(
            "UPDATE dagu_runs SET status = %s, error = %s"
            " WHERE (run_id = %s OR root_id = %s) AND status = ANY(%s) RETURNING run_id",
            (ended, reason, run_id, run_id, states),
        )
    ]
    for table, column in (("dagu_steps", "error"), ("dagu_attempts", "reason")):
        query = f"UPDATE {table} SET status = %s, {column} = %s WHERE run_id = ANY(%s) AND status = ANY(%s)"
        connection.execute(query.encode(), (ended, reason, ids, states))
