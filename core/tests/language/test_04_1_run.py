"""Section 4.1 of the reference: `run`, and 4.3: scripts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from .conftest import Project


@pytest.mark.parametrize(
    ("step", "fragments"),
    [
        ("run: 5", ["run"]),
        ("run: {a: b}", ["run"]),
        ("run: '  '", ["run"]),
        ("run: ['', ' ']", ["run"]),
        ("run: []", ["run"]),
        ('run: ["touch ran\\ntrue"]', ["run"]),
        ("run: [[touch ran]]", ["run"]),
        ("run: [{a: b, c: d}]", ["run"]),
        ("run: [{a: [b]}]", ["run"]),
        ("run: touch ran\n    with: {shel: sh}", ["with", "shel"]),
        ("run: touch ran\n    with: {shell_args: [-e]}", ["with", "shell_args"]),
        ("run: touch ran\n    with: {shell: direct}", ["with", "shell", "direct"]),
    ],
)
def test_load_errors(dagu: Project, step: str, fragments: list[str]) -> None:
    dagu.refuses(f"steps:\n  - id: a\n    {step}\n", *fragments)


class TestCommandOrScript:
    def test_a_text_without_a_line_break_is_a_command(self, dagu: Project) -> None:
        # A command stands in the shell's arguments, a script in a file.
        ended = dagu.start('steps: [{id: a, run: \'tr "\\0" " " </proc/$$/cmdline\'}]')
        assert ended.stdout("a").startswith("/bin/sh -e -c tr ")

    def test_one_with_a_line_break_is_a_script_even_if_only_at_its_end(self, dagu: Project) -> None:
        for text in ("|\n      tr '\\0' ' ' </proc/$$/cmdline", "\"tr '\\\\0' ' ' </proc/$$/cmdline\\n\""):
            ended = dagu.start(f"steps:\n  - id: a\n    run: {text}\n")
            assert " -c " not in ended.stdout("a")
            assert ended.stdout("a").startswith("/bin/sh -e /")

    def test_decided_before_references_are_replaced(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            params: [{name: p, default: "x\\ny"}]
            steps: [{id: a, run: 'echo ${params.p}'}]
            """
        )
        ended.fails_with("line break")
        assert ended.stderr("a") == ""  # no shell was started

    def test_list_items_become_text_and_blanks_drop_out(self, dagu: Project) -> None:
        directory = _program(dagu, "echo:", 'printf "%s|" "$@"')
        ended = dagu.start(
            """
            steps:
              - id: a
                run:
                  - echo first
                  - ''
                  - null
                  - true
                  - echo: colon
                  - false
                  - echo never
            """,
            PATH=f"{dagu.environ['PATH']}:{directory}",
        )
        assert ended.code == 1
        assert ended.stdout("a") == "first\ncolon|"


def _program(dagu: Project, name: str, text: str) -> Path:
    path = dagu.file(f"bin/{name}", f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path.parent


class TestItems:
    def test_each_has_a_fresh_shell_but_the_same_surroundings(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - id: a
                env: {SHARED: value}
                run:
                  - cd /; LOST=1; echo $$ $SHARED
                  - pwd; echo ${LOST:-gone}; echo $$ $SHARED; echo "a=1" >> $DAGU_OUTPUT_FILE
                  - echo "b=2" >> $DAGU_OUTPUT_FILE; echo problem >&2
                outputs: [{name: a}, {name: b}]
              - {id: b, depends: a, run: 'echo ${steps.a.outputs.a}${steps.a.outputs.b}'}
            """
        )
        first, directory, gone, second = ended.stdout("a").splitlines()
        assert directory == str(dagu.directory)
        assert gone == "gone"
        assert first != second
        assert first.endswith("value")
        assert second.endswith("value")
        assert ended.stderr("a") == "problem"
        assert ended.stdout("b") == "12"

    def test_the_first_failure_ends_the_step_with_its_code(self, dagu: Project) -> None:
        ended = dagu.start("steps: [{id: a, run: [echo one, exit 9, echo three]}]")
        assert ended.stdout("a") == "one"
        assert ended.step("a").exit_code == 9

    def test_standard_input_is_empty(self, dagu: Project) -> None:
        ended = dagu.start('steps: [{id: a, run: [cat, wc -c]}, {id: b, run: "cat\\nwc -c\\n"}]')
        assert (ended.stdout("a").strip(), ended.stdout("b").strip()) == ("0", "0")

    def test_operators_quotes_substitution_and_backticks_are_the_shells(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            steps:
              - {id: a, run: 'echo "$(echo one) `echo two`" | tr a-z A-Z && echo three || echo no'}
            """
        )
        assert ended.stdout("a") == "ONE TWO\nthree"

    def test_path_does_not_gain_the_directory(self, dagu: Project) -> None:
        _program(dagu, "tool", "echo tool")
        ended = dagu.start("working_dir: bin\nsteps: [{id: a, run: tool}, {id: b, run: ./tool}]\n")
        assert ended.step("a").exit_code == 127
        assert ended.stdout("b") == "tool"

    def test_the_exit_code_is_the_shells(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps: [{id: a, run: exit 42}, {id: b, run: 'kill -9 $$'}, {id: c, run: 'false | true'}]"
        )
        assert [ended.step(name).exit_code for name in "abc"] == [42, 137, 0]

    def test_background_work_does_not_outlive_its_step(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - {id: a, run: '(sleep 300; touch late) & echo $! > pid'}
              - {id: b, depends: a, run: 'grep State: /proc/$(cat pid)/status || echo gone'}
            """
        )
        # Where nobody waits for orphans, it stays as a zombie.
        assert ended.stdout("b") == "gone" or "zombie" in ended.stdout("b")


class TestScripts:
    def test_it_is_resolved_text_byte_for_byte_in_a_private_file(self, dagu: Project) -> None:
        ended = dagu.start(
            r"""
            params: [{name: p, default: 'it''s "quoted" $HOME \n'}]
            steps:
              - id: a
                run: |2
                    # leading blanks, a tab	and ä ${params.p}
                  stat -c '%a %u' "$0"
                  cat "$0"
                  echo "$0" > "$DAG_RUN_WORK_DIR/path"
            """
        )
        mode, *body = ended.stdout("a").splitlines()
        assert mode == f"700 {os.getuid()}"
        assert body[0] == '  # leading blanks, a tab\tand ä it\'s "quoted" $HOME \\n'
        assert body[1] == "stat -c '%a %u' \"$0\""

    @pytest.mark.parametrize("end", ["exit 0", "exit 3", "sleep 60"])
    def test_the_file_is_deleted_however_it_ends(self, dagu: Project, end: str) -> None:
        dagu.start(
            f"""
            working_dir: .
            steps:
              - id: a
                timeout_sec: 0.5
                run: |
                  echo "$0" > path
                  {end}
            """
        )
        assert not Path(dagu.read("path")).exists()

    def test_a_script_stops_at_its_first_error(self, dagu: Project) -> None:
        ended = dagu.start("steps:\n  - id: a\n    run: |\n      echo one\n      false\n      echo two\n")
        assert ended.stdout("a") == "one"
        assert ended.code == 1

    def test_where_there_is_no_temporary_directory_it_stands_beside_the_step(
        self, dagu: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TMPDIR", "/nonexistent")
        ended = dagu.start('working_dir: .\nsteps:\n  - id: a\n    run: |\n      echo "$0"\n      true\n')
        assert ended.stdout("a").startswith(str(dagu.directory / ".dagu/tmp/scripts/"))
        assert not Path(ended.stdout("a")).exists()


class TestInterpreters:
    def test_the_first_line_names_one_and_other_shell_settings_are_ignored(
        self, dagu: Project, python: str
    ) -> None:
        ended = dagu.start(
            f"""
            shell: /nonexistent/shell
            shell_args: [-c]
            steps:
              - id: a
                run: |
                  #!{python} -I
                  import sys
                  print(sys.flags.isolated, sys.argv[0].startswith("/"))
            """
        )
        assert ended.stdout("a") == "1 True"

    def test_bare_names_use_the_steps_path(self, dagu: Project) -> None:
        directory = _program(dagu, "interp", 'echo "interpreted by $0 with $1"; cat "$2"')
        ended = dagu.start(
            f"""
            steps:
              - id: a
                env: {{PATH: '{directory}:/usr/bin:/bin'}}
                run: |
                  #! interp  -x
                  body
            """
        )
        first, *_, last = ended.stdout("a").splitlines()
        assert first.startswith("interpreted by")
        assert first.endswith("with -x")
        assert last == "body"

    def test_single_quotes_are_literal_and_backslashes_keep_the_next_character(self, dagu: Project) -> None:
        directory = _program(dagu, "words", 'printf "%s|" "$@"')
        ended = dagu.start(
            rf"""
            steps:
              - id: a
                run: |
                  #!{directory}/words 'one two\' th\ ree $HOME "fo ur"
                  body
            """
        )
        assert ended.stdout("a").startswith(r"one two\|th ree|$HOME|fo ur|/")

    def test_with_shell_goes_before_it(self, dagu: Project) -> None:
        ended = dagu.start(
            "steps:\n  - id: a\n    with: {shell: sh}\n    run: |\n      #!/nonexistent\n      echo shell\n"
        )
        assert ended.stdout("a") == "shell"

    @pytest.mark.parametrize("before", [" ", "\\n"])
    def test_nothing_may_stand_before_it(self, dagu: Project, before: str) -> None:
        ended = dagu.start(f'steps:\n  - id: a\n    run: "{before}#!/nonexistent\\necho shell\\n"\n')
        assert ended.stdout("a") == "shell", ended.err

    def test_not_even_a_byte_order_mark(self, dagu: Project) -> None:
        ended = dagu.start('steps:\n  - id: a\n    run: "\ufeff#!/bin/true\\ntrue\\n"\n')
        assert ended.step("a").exit_code == 127  # the shell took the line for a command

    @pytest.mark.parametrize("line", ["#!", "#!   ", "#!/bin/sh 'open", "#!/bin/sh dangling\\"])
    def test_what_cannot_be_read_is_not_started(self, dagu: Project, line: str) -> None:
        ended = dagu.start(f"working_dir: .\nsteps:\n  - id: a\n    run: |\n      {line}\n      touch ran\n")
        assert ended.code == 1
        assert ended.step("a").status == "failed"
        assert not (dagu.directory / "ran").exists()

    def test_it_runs_with_a_first_line_alone(self, dagu: Project) -> None:
        ended = dagu.start('steps:\n  - id: a\n    run: "#!/bin/cat\\n"\n')
        assert ended.stdout("a") == "#!/bin/cat"


def test_a_script_file_is_readable_by_its_user_only(dagu: Project) -> None:
    ended = dagu.start(
        'working_dir: .\nsteps:\n  - id: a\n    run: |\n      stat -c %a "$(dirname "$0")"\n      true\n'
    )
    assert stat.S_IMODE(int(ended.stdout("a"), 8)) == 0o700
