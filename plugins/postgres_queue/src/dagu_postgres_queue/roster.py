"""The workers that there are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from dagu.contracts.shared import OK, Order
from dagu.errors import UsageError
from dagu_postgres_queue.database import Connection
from dagu_postgres_queue.timing import LOST

_ALIVE = "seen_at > clock_timestamp() - make_interval(secs => %s)"


def register(connection: Connection, worker: Mapping[str, Any]) -> None:
    """Enter a worker, as a part of the connection's transaction.

    Raises:
        UsageError: Another one of that name lives elsewhere.
    """
    found = connection.execute(
        f"SELECT host FROM dagu_workers WHERE name = %s AND place <> %s AND {_ALIVE} FOR UPDATE".encode(),
        (worker["name"], worker["place"], LOST),
    ).fetchone()
    if found is not None:
        raise UsageError(
            f"a worker {worker['name']!r} lives on {found['host']} already", hint="choose another --name"
        )
    names = ", ".join(f'"{name}"' for name in worker)
    connection.execute("DELETE FROM dagu_workers WHERE name = %s", (worker["name"],))
    connection.execute(
        f"INSERT INTO dagu_workers ({names}) VALUES ({', '.join(['%s'] * len(worker))})".encode(),
        list(worker.values()),
    )


def seen(
    connection: Connection, name: str, incarnation: str, *, active: int, draining: bool, health: str
) -> None:
    """Note that a worker lives, and how it does."""
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    connection.execute(
        'UPDATE dagu_workers SET seen_at = clock_timestamp(), active = %s, draining = %s, health = %s, "load" = %s'
        " WHERE name = %s AND incarnation = %s",
        (active, draining, health, load, name, incarnation),
    )


def remove(connection: Connection, name: str, incarnation: str) -> None:
    """A worker ended in good order."""
    connection.execute("DELETE FROM dagu_workers WHERE name = %s AND incarnation = %s", (name, incarnation))


def forget(connection: Connection, name: str) -> list[str]:
    """Take an operator's word that a lost worker runs nothing any more.

    Returns:
        The runs that it had.

    Raises:
        UsageError: It lives, or is unknown.
    """
    from dagu_postgres_queue import orders

    rows = connection.execute(
        "SELECT * FROM dagu_orders WHERE worker = %s AND state = 'lost' FOR UPDATE", (name,)
    ).fetchall()
    alive = connection.execute(
        f"SELECT {_ALIVE} AS alive FROM dagu_workers WHERE name = %s".encode(), (LOST, name)
    ).fetchone()
    if alive is not None and alive["alive"]:
        raise UsageError(f"worker {name!r} lives", hint="stop it where it runs")
    if alive is None and not rows:
        raise UsageError(f"there is no worker {name!r}", hint="see `dagu worker list`")
    for row in rows:
        orders.release(connection, row)
    connection.execute("DELETE FROM dagu_workers WHERE name = %s", (name,))
    return [row["run_id"] for row in rows]


def workers(connection: Connection) -> list[dict[str, Any]]:
    """All workers, by name."""
    found = connection.execute(
        'SELECT name, labels, runtime, host, version, "limit", active, draining, health, "load",'
        " extract(epoch FROM started_at)::float8 AS started_at, extract(epoch FROM seen_at)::float8 AS seen_at,"
        f" {_ALIVE} AS alive FROM dagu_workers ORDER BY name".encode(),
        (LOST,),
    ).fetchall()
    return [
        {
            **{key: row[key] for key in row if key not in ("alive", "draining")},
            "state": "lost" if not row["alive"] else "draining" if row["draining"] else "ready",
        }
        for row in found
    ]


def advice(connection: Connection, order: Order) -> str:
    """Why no living worker could take such a run; empty if one could."""
    living = [worker for worker in workers(connection) if worker["state"] == "ready"]
    if not living:
        return "no worker is there to take it; start one with `dagu worker`"
    fitting = [worker for worker in living if set(order.selector) <= set(worker["labels"])]
    if not fitting:
        there = "; ".join(
            f"{worker['name']} has {', '.join(worker['labels']) or 'no labels'}" for worker in living
        )
        return f"no worker has the labels {', '.join(order.selector)} ({there})"
    if order.engine and all(worker["health"] not in ("", OK) for worker in fitting):
        there = "; ".join(f"{worker['name']}: {worker['health']}" for worker in fitting)
        return f"it needs a container engine, and that of no worker answers ({there})"
    return ""
