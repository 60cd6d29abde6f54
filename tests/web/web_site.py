"""``dagu start-all`` with workflows whose steps wait for files, so that a test decides when they go on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx

STREAM = Path(__file__).parents[2] / "plugins" / "harness_providers" / "tests" / "streams" / "claude.jsonl"

WORKFLOWS = {
    "greet": """\
description: Greets somebody
tags: [demo]
params:
  - {name: who, default: world, description: Whom to greet}
  - {name: times, type: integer, default: 3, minimum: 1, maximum: 9}
  - {name: loud, type: boolean, default: false}
  - {name: tone, enum: [kind, formal], default: kind}
steps:
  - id: greet
    run: for i in $(seq ${params.times}); do echo "hello ${params.who} $i, loud=${params.loud}, ${params.tone}"; done
""",
    "gated": """\
description: Goes on when a file is there
params: [{name: gate, required: true}]
steps:
  - id: first
    run: echo begun; until [ -e "${params.gate}.1" ]; do sleep 0.05; done; echo "first went on"
  - id: left
    depends: first
    run: until [ -e "${params.gate}.2" ]; do sleep 0.05; done; echo "left went on"
  - id: right
    depends: first
    run: echo right
  - id: last
    depends: [left, right]
    run: echo end
""",
    "many": """\
description: Prints 100,000 lines
steps:
  - id: lines
    run: seq -f "line %.0f of very many" 100000
""",
    "fan": "steps:\n"
    + "".join(
        f"  - {{id: s{n}, run: 'true', depends: [{f's{(n - 1) // 3}' if n else ''}]}}\n" for n in range(100)
    ),
    "flaky": """\
params: [{name: gate, required: true}]
steps:
  - id: good
    run: echo good
  - id: flaky
    depends: good
    run: echo trying; [ -e "${params.gate}" ] || exit 3
""",
    "broken": """\
steps:
  - id: first
    runs: echo typo
""",
    "agent": """\
description: Has an agent write a file
params: [{name: gate, required: true}]
steps:
  - id: write
    action: harness.run
    env: [{GATE: "${params.gate}"}]
    with:
      provider: claude
      prompt: Write hello.txt.
""",
    "nightly": """\
schedule: "15 3 * * *"
steps:
  - run: echo night
""",
}

AGENT = f"""\
#!{sys.executable}
# Prints what Claude Code once printed; the second half when a file is there.
import os, sys, time
lines = open({str(STREAM)!r}).read().splitlines(True)
for number, line in enumerate(lines):
    while number == len(lines) // 2 and not os.path.exists(os.environ["GATE"]):
        time.sleep(0.05)
    print(line, end="", flush=True)
"""


class Site:
    """A server of its own, its home, and calls of its API."""

    def __init__(self, home: Path, *, port: int = 0, **settings: str) -> None:
        self.home = home
        for name, text in WORKFLOWS.items():
            path = home / "dags" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        programs = home / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "claude").write_text(AGENT)
        (programs / "claude").chmod(0o755)
        known = {name: value for name, value in os.environ.items() if not name.startswith("DAGU_")}
        path = f"{programs}:{Path(sys.executable).parent}:{known['PATH']}"
        environ = {**known, "PATH": path, "DAGU_HOME": str(home), "ANTHROPIC_API_KEY": "none", **settings}
        command = [sys.executable, "-m", "dagu", "start-all", "--port", str(port)]
        self._process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
        self.said: list[str] = []
        self.url = self._read_url()
        threading.Thread(target=self._read_on, daemon=True).start()
        self.client = httpx.Client(base_url=self.url, timeout=60)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def close(self) -> None:
        """End it as an operator would."""
        self._process.send_signal(signal.SIGTERM)
        assert self.ended() == 0, self.said

    def ended(self) -> int:
        """Wait for its end; its exit status."""
        self.client.close()
        return self._process.wait(60)

    def start(self, workflow: str, **params: Any) -> str:
        """Start a run and return its id."""
        answer = self.client.post("api/v1/runs", json={"workflow": workflow, "params": params})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def finish(self, run_id: str) -> dict[str, Any]:
        """Wait until a run ended, and return it."""
        with self.client.stream("GET", f"api/v1/runs/{run_id}/events", timeout=120) as told:
            for line in told.iter_lines():
                if line == "event: end":
                    break
        found: dict[str, Any] = self.client.get(f"api/v1/runs/{run_id}").json()
        return found

    def _read_url(self) -> str:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line)
            if found := re.search(r"serving on (http\S+)", line):
                return found[1]
        raise AssertionError(f"it did not begin: {self.said}")

    def _read_on(self) -> None:
        assert self._process.stderr is not None
        self.said.extend(self._process.stderr)
