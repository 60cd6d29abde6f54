"""``container.secrets``: files in memory that only the container's user can read, and nothing else anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e_dagu import Dagu
from e2e_engines import EngineUnderTest
from e2e_images import Images

from dagu.sandbox import labels

VALUE = "s3cr3t-value-of-the-test"
SECRETS = (
    "secrets: [{name: TOKEN, provider: env, key: TOKEN_HERE}, {name: OTHER, provider: env, key: OTHER_HERE}]"
)
ENV = {"TOKEN_HERE": VALUE, "OTHER_HERE": "0ther-value-of-the-test"}
LOOK = """
          set -e
          grep ' /run/secrets ' /proc/mounts | cut -d' ' -f3
          ls -l /run/secrets/TOKEN | cut -c1-10
          wc -c < /run/secrets/TOKEN
          echo "env: ${TOKEN-absent} ${OTHER-absent}"
          cat /proc/1/cmdline /proc/$$/cmdline | tr '\\0\\n' '  '; echo
          sed s/e/E/g /run/secrets/TOKEN; echo
"""


def wanted(text: str) -> None:
    lines = text.splitlines()
    assert lines[0] == "tmpfs"
    assert lines[1] == "-r--------"
    assert lines[2] == str(len(VALUE))
    assert lines[3] == "env: absent *******"
    assert VALUE not in lines[4]
    assert lines[5] == VALUE.replace("e", "E")


@pytest.mark.parametrize("user", ["", "405"])
@pytest.mark.parametrize("place", ["root", "own", "several"])
def test_secrets_are_files_in_memory(place: str, user: str, dagu: Dagu) -> None:
    container = f"container: {{image: alpine:3.20, secrets: [TOKEN], user: '{user}'}}".replace(
        ", user: ''", ""
    )
    step = f"steps:\n      - id: a\n        run: |{LOOK}"
    source = f"    {SECRETS}\n    {container}\n    {step}"
    if place == "own":
        source = f"    {SECRETS}\n    steps:\n      - id: a\n        {container}\n        run: |{LOOK}"
    if place == "several":
        run = json.dumps("; ".join(line.strip() for line in LOOK.strip().splitlines()))
        source = (
            f'    {SECRETS}\n    steps:\n      - id: a\n        {container}\n        run: ["true", {run}]'
        )
    ran = dagu.start(source, env=ENV).succeeded()
    wanted(ran.text("a"))
    everything = "".join(
        path.read_text(errors="replace") for path in Path(dagu.home).rglob("*") if path.is_file()
    )
    assert VALUE not in everything + ran.stdout + ran.stderr


def test_they_stand_nowhere_on_the_engine(dagu: Dagu, engine: EngineUnderTest, images: Images) -> None:
    run = dagu.begin_run(
        f"""
        {SECRETS}
        container: {{image: alpine:3.20, secrets: [TOKEN]}}
        steps:
          - {{id: a, run: "until [ -e /go ]; do sleep 0.1; done; cat /run/secrets/TOKEN > /dev/null"}}
        """,
        env=ENV,
    )
    state = dagu.until_contained(run)
    told = images.inspect_container(state.id)
    dagu.execute(state.id, "touch", "/go")
    run.finish().succeeded()
    assert state.labels[labels.RUN] == run.run_id
    assert VALUE not in json.dumps(told)


def test_the_main_process_has_them_too(dagu: Dagu, images: Images) -> None:
    script = 'cp /run/secrets/TOKEN /seen && echo "$*" >> /seen && echo up && exec sleep 86400'
    image = images.make("reading", entrypoint=["/bin/sh", "-c", script, "entry"], cmd=["its", "arguments"])
    ran = dagu.start(
        f"""
        {SECRETS}
        container: {{image: "{image}", secrets: [TOKEN], startup: entrypoint, log_pattern: up}}
        steps: [{{id: a, run: "sed s/e/E/g /seen"}}]
        """,
        env=ENV,
    ).succeeded()
    assert ran.text("a") == f"{VALUE.replace('e', 'E')}its argumEnts\n"


def test_an_entry_point_is_kept_with_secrets(dagu: Dagu, images: Images) -> None:
    image = images.make(
        "prefix", entrypoint=["/bin/sh", "-c", 'echo "entry: $(wc -c < /run/secrets/TOKEN)"; "$@"', "x"]
    )
    ran = dagu.start(
        f"""
        {SECRETS}
        steps:
          - id: a
            container: {{image: "{image}", secrets: [TOKEN]}}
            run: echo command
        """,
        env=ENV,
    ).succeeded()
    assert ran.text("a") == f"entry: {len(VALUE)}\ncommand\n"


def test_an_unknown_secret_is_a_mistake_in_the_file(dagu: Dagu) -> None:
    ran = dagu.start(
        f"""
        {SECRETS}
        container: {{image: alpine:3.20, secrets: [TOKEN, NOT_DECLARED]}}
        steps: [{{run: "true"}}]
        """,
        env=ENV,
    ).failed("container.secrets", "NOT_DECLARED")
    assert VALUE not in ran.stderr


def test_they_do_not_outlive_a_restart(dagu: Dagu) -> None:
    dagu.start(
        f"""
        {SECRETS}
        container: {{image: alpine:3.20, secrets: [TOKEN], restart_policy: always}}
        steps: [{{run: "true"}}]
        """,
        env=ENV,
    ).failed("container.secrets", "restart")


def test_on_a_read_only_root(dagu: Dagu) -> None:
    ran = dagu.start(
        f"""
        {SECRETS}
        steps:
          - id: a
            container: {{image: alpine:3.20, secrets: [TOKEN], read_only: true, user: "405"}}
            run: |
              wc -c < /run/secrets/TOKEN
        """,
        env=ENV,
    ).succeeded()
    assert ran.text("a") == f"{len(VALUE)}\n"
