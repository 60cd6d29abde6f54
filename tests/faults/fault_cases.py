"""Where runners are killed, in which workflow, and what has to be so afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from dagu.run.points import POINTS

LINES = 30
"""Lines that a step prints; enough for a kill to come in between."""
COUNT = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i; sleep 0.02; done"
WHOLE = "".join(f"line {number}\n" for number in range(1, LINES + 1)).encode()

OWN = f"""
handler_on:
  exit: {{run: "true"}}
steps:
  - id: first
    run: touch first-again 2>/dev/null; echo first
  - id: count
    depends: first
    container: {{image: "alpine:3.20"}}
    run: '{COUNT}; echo "answer=42" >> $DAGU_OUTPUT_FILE'
    outputs: [{{name: answer}}]
    output: SAID
"""
SHARED = f"""
container: {{image: "alpine:3.20"}}
steps:
  - id: count
    run: '{COUNT}; echo "answer=42" >> $DAGU_OUTPUT_FILE'
    outputs: [{{name: answer}}]
"""
CARRIED = f"""
steps:
  - id: count
    container:
      image: alpine:3.20
      workspace: copy
      volumes: [".:/w", ".:/fixed:ro"]
    run: '{COUNT}; echo made > /w/made.txt'
"""
GATED = f"""
steps:
  - id: count
    container:
      image: alpine:3.20
      network: {{allow: ["localhost:1"]}}
    run: '{COUNT}'
"""
HOST = f"""
steps:
  - id: failing
    container: {{image: "alpine:3.20"}}
    run: "false"
    retry_policy: {{limit: 1, interval_sec: 0}}
    continue_on: {{failure: true, mark_success: true}}
  - id: inner
    action: dag.run
    with: {{dag: inner}}
---
name: inner
steps:
  - id: count
    run: '{COUNT}'
"""
WORKFLOWS = {"own": OWN, "shared": SHARED, "carried": CARRIED, "gated": GATED, "host": HOST}


@dataclass(frozen=True)
class Case:
    """A runner that is killed.

    Attributes:
        point: Where, with a count after a colon for a later time that it is reached.
        workflow: In which of ``WORKFLOWS``.
    """

    point: str
    workflow: str

    @property
    def name(self) -> str:
        """The point's own name."""
        return self.point.partition(":")[0]

    @property
    def label(self) -> str:
        return f"{self.point.replace(':', '-')}-{self.workflow}"


_ELSEWHERE = {
    "shared-container-ready": "shared",
    "exec-started": "shared",
    "exec-ended": "shared",
    "network-created": "gated",
    "gate-open": "gated",
    "network-removed": "gated",
    "volume-created": "carried",
    "volume-removed": "carried",
    "archive-sent": "carried",
    "child-begins": "host",
    "host-command-started": "own",
    "host-command-ended": "own",
    "attempt-failed": "host",
}
_MORE = (
    Case("container-created", "shared"),
    Case("container-attached", "shared"),
    Case("container-started", "shared"),
    Case("container-removing", "shared"),
    Case("container-removed", "shared"),
    Case("container-created", "carried"),
    Case("container-ended", "carried"),
    Case("container-started", "gated"),
    Case("container-removed", "gated"),
    Case("output-logged", "shared"),
    Case("output-logged:20", "own"),
    Case("attempt-recorded:2", "own"),
    Case("attempt-ended:2", "own"),
    Case("step-ended:2", "own"),
    Case("host-command-started", "host"),
    Case("run-recorded:2", "host"),
)
ONCE = tuple(Case(point, _ELSEWHERE.get(point, "own")) for point in POINTS)
"""Every point, in one workflow."""
CASES = (*ONCE, *_MORE)
"""What a full run tries: some points in other workflows, too, or later."""
