"""Rows of the page on reliability that tell of workers: what was done, and what was seen, with its figures."""

from __future__ import annotations

WORKER_TEXT = """
## Workers and their database

Servers and workers as processes with homes of their own, with the timings that they always have
([workers](workers.md)), on two cores. A run "beats" ten times a second into a file, so that two owners at a
time would be seen; none ever were.

| what was done | what was seen |
| --- | --- |
"""
ENGINES = ("docker", "podman")
WORKERS = {
    "killed-alone": (
        "SIGKILL of a worker's main process",
        "its runs end themselves; noticed and interrupted after {noticed:.0f} s;"
        " `retry` is refused until `worker forget`",
    ),
    "killed-all": (
        "SIGKILL of a worker with all its processes",
        "noticed and interrupted after {noticed:.0f} s; `retry` is refused until `worker forget`",
    ),
    "came-back": (
        "a killed worker is started again under its name",
        "its run is interrupted at once, and `resume` goes to it",
    ),
    "killed-retry": (
        "SIGKILL of a worker that has a run with `on_worker_lost: retry`, then of the one that took it up",
        "began elsewhere {gap:.0f} s after its last beat; after the second loss it stays interrupted",
    ),
    "cut-retry": (
        "a worker is cut off from the network, `on_worker_lost: retry`",
        "noticed after {noticed:.0f} s, stopped after {stopped:.0f} s, begun elsewhere after {began:.0f} s;"
        " what the old owner wrote after the cut changed nothing",
    ),
    "cut-interrupt": (
        "the same with `interrupt`",
        "interrupted; ended by its worker when the network was back; then `retry` succeeded",
    ),
    **{
        f"containers-lost-{engine}": (
            f"SIGKILL of a worker with all its processes, with runs in containers on {engine}, `on_worker_lost: retry`",
            "their containers ended by themselves after {gone:.1f} s; begun elsewhere after {began:.0f} s",
        )
        for engine in ENGINES
    },
    **{
        f"containers-cut-{engine}": (
            f"a worker with runs in containers on {engine} is cut off, `on_worker_lost: retry`",
            "stopped after {stopped:.0f} s, begun elsewhere after {began:.0f} s",
        )
        for engine in ENGINES
    },
    **{
        f"containers-back-{engine}": (
            f"SIGKILL of a worker with all its processes, with runs in containers on {engine}, `interrupt`",
            "the run's own container ended after {shared:.1f} s, that of a step when its worker was started again,"
            " {own:.1f} s later, before it served; `resume` succeeded",
        )
        for engine in ENGINES
    },
    "frozen": (
        "a worker is frozen (SIGSTOP) until it is lost, its run ends, it thaws",
        "stays interrupted, nothing late is written",
    ),
    "server-killed": (
        "SIGKILL of the server, a run ends without it",
        "succeeded; its output came home when the server was back",
    ),
    "database-down": (
        "PostgreSQL is down for 50 s while a run goes on",
        "succeeded, 1 attempt, whole output",
    ),
    "database-down-ends": (
        "PostgreSQL is down for 50 s while a run with `retry` ends",
        "succeeded, 1 attempt, whole output",
    ),
    "long": (
        "a run longer than every timeout",
        "succeeded after {seconds:.0f} s, 1 attempt",
    ),
    "many": (
        "{runs} runs without work on two workers",
        "each ran once; {seconds:.0f} s, {shares}",
    ),
    "random": (
        "runs of ten seconds on three workers; these, the server and the database are killed, frozen and"
        " restarted at random",
        "{runs} runs, {did}: {succeeded} succeeded, {interrupted} interrupted; none twice at a time, none lost",
    ),
    "local-database-down": (
        "PostgreSQL is down for {seconds} s while a run of the server's own machine goes on and 51 of its steps end",
        "succeeded; everything recorded once; nothing began that was not recorded; the agent was not held up",
    ),
    "server-database-down": (
        "PostgreSQL is down for {seconds} s while the server has runs of its own, and some are about to begin",
        "all succeeded with one attempt; the server needed no restart",
    ),
    "schedules-database-down": (
        "PostgreSQL is down for 90 s under a schedule of each minute, with `catchup_window`",
        "a run for each minute",
    ),
    "two-servers": (
        "a second server with another home",
        "refused, with host and home of the first; after SIGKILL of the first it may work at once",
    ),
    "stop": (
        "`dagu stop` of a run on a worker",
        "the step is told after {median:.2f} s at the median, {most:.2f} s at most",
    ),
    **{
        f"containers-stopped-{engine}": (
            f"the same with a step in a container on {engine}",
            "the step is told after {own:.2f} s, one in the run's container after {shared:.2f} s; nothing is left",
        )
        for engine in ENGINES
    },
    "again": (
        "`dagu retry` of a failed run, `dagu resume` of an interrupted one",
        "the first command runs {retry:.1f} and {resume:.1f} s after the command was given, at the median",
    ),
    "output": (
        "50 MB of output of a step",
        "at home byte for byte",
    ),
    "artifacts": (
        "artifacts are made, changed and removed; then SIGKILL of the worker",
        "at home as they were a second before",
    ),
    "workspace": (
        "runs with `workspace: copy`, retried on the same worker and on another",
        "the first finds what was done, the other a copy of what is on the server",
    ),
    "labels": (
        "runs with labels",
        "each on the worker that has all of them; one that nobody could take says so at once",
    ),
    "engine-away": (
        "the container engine of a worker does not answer",
        "runs in containers wait, others go on; taken when it answers again",
    ),
    "priority": ("four runs of different priority wait for one worker", "the most urgent one is first"),
    "limit": ("a queue of two, eight runs, two workers for ten each", "two at a time"),
    "drain": ("SIGTERM of a worker", "takes nothing more, its run ended well, the worker with exit status 0"),
    "hand-back": (
        "the same with no time left, `on_worker_lost: retry`",
        "its run goes to another worker, and ends well",
    ),
    **{
        f"containers-drained-{engine}": (
            f"the same with runs in containers on {engine}",
            "nothing is left on the engine; they end well elsewhere",
        )
        for engine in ENGINES
    },
    **{
        f"agent-{agent}": (
            f"an agent in a container on a worker: {name}, on {{engine}}",
            "its work, events and tokens are at home, the tokens as the model's server told them",
        )
        for agent, name in (("claude", "Claude Code"), ("codex", "Codex"))
    },
    "dispatch": (
        "from queueing a run without work to its owner, at the median of {runs}",
        "{taken:.0f} ms until a worker has taken it; {worker:.0f} ms until its first command, beside {server:.0f} ms"
        " on the server itself and {local:.0f} ms on one machine without a database",
    ),
    "follow": (
        "`dagu logs --follow` of a run on a worker",
        "a line is there after {median:.0f} ms at the median, {most:.0f} ms at most",
    ),
    "idle": ("a worker without runs", "{megabytes:.0f} MB, {core:.1%} of a core"),
}
