"""What ``run`` means in a container: shells, scripts, interpreters, outputs; and images without a shell."""

from __future__ import annotations

import pytest
from e2e_dagu import Dagu
from e2e_images import Images

from dagu.history.records import Status

PLACES = ("root", "own")


def flow(place: str, steps: str, container: str = "image: alpine:3.20") -> str:
    """A workflow whose steps, indented by two, run in a container of the run or of their own."""
    if place == "root":
        return f"container: {{{container}}}\nsteps:\n{steps}"
    return f"defaults_unused: null\nsteps:\n{steps}".replace("defaults_unused: null\n", "").replace(
        "  - id:", f"  - container: {{{container}}}\n    id:"
    )


@pytest.mark.parametrize("place", PLACES)
def test_commands_scripts_and_interpreters(place: str, dagu: Dagu) -> None:
    ran = dagu.start(
        flow(
            place,
            """
  - id: pipe
    run: printf 'b\\na\\n' | sort > /out; cat /out; echo $((6 * 7))
  - id: script
    run: |
      # a comment with 'quotes" and $(substitution)
      say() { echo "said: $1"; }
      say "two words"
      cat <<END
      here
      END
  - id: shebang
    run: |
      #!/usr/bin/awk -f
      BEGIN { print "awk", 1 + 1 }
  - id: failing
    run: |
      echo before
      false
      echo after
    continue_on: failed
  - id: list
    run: ["echo one", "cd /var && pwd", pwd]
  - id: list_failing
    run: [echo one, exit 5, echo two]
    continue_on: failed
""",
        )
    )
    assert ran.text("pipe") == "a\nb\n42\n"
    assert ran.text("script") == "said: two words\nhere\n"
    assert ran.text("shebang") == "awk 2\n"
    assert ran.text("failing") == "before\n"
    assert ran.text("list") == "one\n/var\n/\n"
    assert ran.text("list_failing") == "one\n"
    assert ran.step("list_failing").exit_code == 5


@pytest.mark.parametrize("place", PLACES)
def test_the_shell_of_the_container(place: str, dagu: Dagu) -> None:
    container = "image: alpine:3.20, shell: [/bin/ash, -e, -u]"
    ran = dagu.start(
        flow(
            place,
            """
  - id: string
    run: echo first; echo $NOT_SET; echo never
    continue_on: failed
  - id: script
    run: |
      echo first
      false
      echo never
    continue_on: failed
  - id: own
    with: {shell: sh}
    run: echo "[$NOT_SET]"
""",
            container,
        )
    )
    assert ran.text("string") == "first\n"
    assert ran.text("script") == "first\n"
    assert ran.text("own") == "[]\n"


def test_a_shell_with_its_flag(dagu: Dagu) -> None:
    ran = dagu.start(flow("own", "  - id: a\n    run: echo words", "image: alpine:3.20, shell: [sh, -c]"))
    assert ran.succeeded().text("a") == "words\n"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "extra", ["", ", user: '405'", ", read_only: true", ", tmpfs: /tmp", ", volumes: ['.:/tmp']"]
)
def test_declared_outputs(place: str, extra: str, dagu: Dagu) -> None:
    ran = dagu.start(
        flow(
            place,
            """
  - id: a
    outputs: [{name: one}, {name: two, type: json}]
    run: |
      { echo "one<<END"; echo "line 1"; echo "line 2"; echo END; echo 'two={"k": [1, 2]}'; } > "$DAGU_OUTPUT_FILE"
  - id: b
    depends: a
    run: |
      cat <<'END'
      ${steps.a.outputs.one}
      ${steps.a.outputs.two}
      END
""",
            f"image: alpine:3.20{extra}",
        )
    ).succeeded()
    assert ran.text("b") == 'line 1\nline 2\n{"k": [1, 2]}\n'
    assert [path.name for path in dagu.directory.iterdir() if not path.name.endswith(".yaml")] == []


@pytest.mark.parametrize("place", PLACES)
def test_outputs_that_are_missing_fail_the_step(place: str, dagu: Dagu) -> None:
    ran = dagu.start(flow(place, "  - id: a\n    outputs: [{name: one}]\n    run: 'true'\n")).failed(
        "one", "not emitted"
    )
    assert ran.step("a").status is Status.FAILED
    dagu.start(flow(place, "  - id: a\n    run: echo x=1 > $DAGU_OUTPUT_FILE\n")).failed("x", "undeclared")


@pytest.mark.parametrize("place", PLACES)
def test_an_image_without_a_shell_names_the_way_out(place: str, dagu: Dagu, images: Images) -> None:
    image = images.of_files("bare", {"/busybox": images.busybox()})
    steps = "  - id: a\n    run: echo never\n"
    ran = dagu.start(flow(place, steps, f'image: "{image}"'))
    if place == "root":
        ran.failed(f"{image} has no shell (/bin/sh)", "startup: command")
    else:
        ran.failed(f"{image} has no shell (/bin/sh)", "action: exec", "container.shell")
        assert ran.step("a").exit_code == 127


def test_the_ways_out(dagu: Dagu, images: Images) -> None:
    image = images.of_files(
        "bare", {"/busybox": images.busybox()}, cmd=["/busybox", "echo", "the image's own"]
    )
    ran = dagu.start(
        f"""
        steps:
          - id: exec
            action: exec
            container: {{image: "{image}"}}
            with: {{command: /busybox, args: [echo, "a  b", "$HOME"]}}
          - id: command
            container: {{image: "{image}", command: [/busybox, echo, command]}}
          - id: image
            container: {{image: "{image}"}}
          - id: shell
            container: {{image: "{image}", shell: [/busybox, sh]}}
            run: echo shell
        """
    ).succeeded()
    assert [ran.text(step) for step in ("command", "image", "shell")] == [
        "command\n",
        "the image's own\n",
        "shell\n",
    ]
    assert ran.text("exec").startswith("a  b ")
    ran = dagu.start(
        f"""
        container: {{image: "{image}", startup: command, command: [/busybox, sleep, "86400"], init: false}}
        steps:
          - {{id: a, action: exec, with: {{command: /busybox, args: [echo, inside]}}}}
        """
    ).succeeded()
    assert ran.text("a") == "inside\n"


def test_the_entry_point_of_the_image_is_kept_for_one_command(dagu: Dagu, images: Images) -> None:
    image = images.make(
        "entry", entrypoint=["/bin/sh", "-c", 'echo "entry: $#"; "$@"', "x"], cmd=["echo", "cmd"]
    )
    ran = dagu.start(
        f"""
        steps:
          - {{id: one, container: {{image: "{image}"}}, run: echo one}}
          - {{id: none, container: {{image: "{image}"}}}}
          - {{id: command, container: {{image: "{image}", command: [echo, "given here"]}}}}
          - {{id: several, container: {{image: "{image}"}}, run: [echo one, echo two]}}
          - id: script
            container: {{image: "{image}"}}
            run: |
              echo script
              echo more
        """
    ).succeeded()
    assert ran.text("one") == "entry: 3\none\n"
    assert ran.text("none") == "entry: 2\ncmd\n"
    assert ran.text("command") == "entry: 2\ngiven here\n"
    assert ran.text("several") == "one\ntwo\n"
    assert ran.text("script") == "entry: 3\nscript\nmore\n"


@pytest.mark.parametrize("place", PLACES)
def test_a_missing_program_is_named(place: str, dagu: Dagu) -> None:
    ran = dagu.start(
        flow(place, "  - id: a\n    action: exec\n    with: {command: no-such-program, args: [x]}\n")
    ).failed("no-such-program is not in alpine:3.20")
    assert ran.step("a").exit_code == 127
    ran = dagu.start(flow(place, "  - id: a\n    run: |\n      #!/no/such/interpreter\n      x\n")).failed()
    assert ran.step("a").exit_code == 127


@pytest.mark.parametrize("place", PLACES)
def test_a_file_that_may_not_be_executed(place: str, dagu: Dagu) -> None:
    ran = dagu.start(flow(place, "  - id: a\n    action: exec\n    with: {command: /etc/passwd}\n")).failed()
    assert ran.step("a").exit_code == 126


@pytest.mark.parametrize("place", PLACES)
def test_output_arrives_byte_for_byte(place: str, dagu: Dagu) -> None:
    ran = dagu.start(
        flow(
            place,
            """
  - id: a
    run: |
      printf 'no newline \\377\\000\\r\\n\\033[1m'
      printf 'to stderr' >&2
      head -c 3000000 /dev/zero | tr '\\0' 'x'
""",
        )
    ).succeeded()
    assert ran.output("a") == b"no newline \xff\x00\r\n\x1b[1m" + b"x" * 3_000_000
    assert ran.output("a", "stderr") == b"to stderr"


@pytest.mark.parametrize("place", PLACES)
def test_a_timeout_ends_everything(place: str, dagu: Dagu) -> None:
    ran = dagu.start(
        flow(
            place,
            """
  - id: a
    timeout_sec: 2
    run: |
      trap '' TERM
      (setsid sleep 86400 &)
      sleep 86400
    continue_on: failed
  - id: b
    depends: a
    run: ps -o args | grep -c "[s]leep 86400" || true
""",
            "image: alpine:3.20",
        ).replace("steps:", "max_clean_up_time_sec: 1\nsteps:", 1)
    )
    assert ran.step("a").exit_code == 124
    assert "timed out after 2 s" in ran.step("a").error
    assert ran.text("b") == "0\n"


@pytest.mark.parametrize("place", PLACES)
def test_an_agent_that_gets_files_and_is_not_there(place: str, dagu: Dagu) -> None:
    ran = dagu.start(
        flow(
            place,
            """
  - id: a
    run: |
      #!/usr/bin/no-such-agent --flag
      prompt
""",
        )
    ).failed("no-such-agent", "not found")
    assert ran.step("a").exit_code == 127
