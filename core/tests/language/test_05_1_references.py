"""Section 5 of the reference: references, where and when they are replaced."""

from __future__ import annotations

import pytest

from .conftest import Project


class TestLiteralFields:
    def test_they_stay_as_written(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            params: [{name: p, default: '${consts.c} $HOME', description: '${consts.c}'}]
            consts: [{c: value}]
            steps:
              - {id: a, name: 'n ${consts.c}', description: '${consts.c}', run: "echo '${params.p}'"}
              - {id: b, depends: 'n ${consts.c}', run: "echo '${context.step.name}'"}
              - {id: c, name: 'm ${consts.c}', run: "echo '${context.step.name}'"}
              - {id: d, preconditions: [{condition: x, expected: '${consts.c}', negate: true}], run: echo d}
            """
        )
        assert ended.stdout("a") == "${consts.c} $HOME"
        assert ended.stdout("c") == "m ${consts.c}"  # inserted text is not rescanned
        assert ended.stdout("d") == "d"

    def test_caller_input_is_literal(self, dagu: Project) -> None:
        ended = dagu.start(
            "consts: [{c: value}]\nparams: [{name: p, default: x}]\nsteps: [{id: a, run: \"echo '${params.p}'\"}]",
            *("--", "p=${consts.c} $(touch ran) `x`"),
        )
        assert ended.stdout("a") == "${consts.c} $(touch ran) `x`"


class TestResolvedFields:
    def test_in_one_pass_without_quoting(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            consts: [{c: '${params.p}'}, {quote: "it's"}]
            params: [{name: p, default: '${consts.quote} $X'}]
            steps: [{id: a, run: "cat <<'END'\\n${consts.c} ${params.p} ${consts.quote}\\nEND\\n"}]
            """
        )
        assert ended.stdout("a") == "${params.p} ${consts.quote} $X it's"

    def test_numbers_are_shortest_decimals_and_booleans_words(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            consts: [{a: 1.50}, {b: 100000000000000000000}, {c: true}, {d: 1e-7}, {e: -0.0}, {f: 2.0}, {g: 0x10}]
            steps:
              - id: a
                run: printf '%s|' ${consts.a} ${consts.b} ${consts.c} ${consts.d} ${consts.f} ${consts.g}
            """
        )
        assert ended.stdout("a") == "1.5|100000000000000000000|true|0.0000001|2|16|"

    def test_every_kind_of_field(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            consts: [{dir: work}, {n: 2}, {zero: 0}, {u: u}]
            working_dir: ${consts.dir}
            env: {ROOT: 'root-${consts.n}'}
            dotenv: ['${consts.dir}/x.env']
            shell: sh
            steps:
              - id: a
                working_dir: sub-${consts.n}
                env: {STEP: 'step-${env.ROOT}'}
                with: {shell: 'sh', shell_args: ['-${consts.u}']}
                stdout: out-${consts.n}
                preconditions: [{condition: '${consts.n}', expected: '2'}, 'test ${consts.n} = 2']
                retry_policy: {limit: '${consts.n}', interval_sec: '${consts.zero}'}
                run: echo $STEP; exit 3
                continue_on: failed
              - id: b
                depends: a
                repeat_policy: {repeat: true, limit: '${consts.n}', interval_sec: '${consts.zero}'}
                run: echo again
              - id: c
                output:
                  literal: {value: 'v-${consts.n}'}
                  read: {from: file, path: 'file-${consts.n}', decode: text}
                run: echo content > file-2
              - {id: d, depends: c, run: 'echo ${c.output.literal} ${c.output.read}'}
              - {id: e, action: exec, with: {command: echo, args: ['${consts.n}']}}
            """
        )
        assert ended.steps == {
            "a": "failed",
            "b": "succeeded",
            "c": "succeeded",
            "d": "succeeded",
            "e": "succeeded",
        }, ended.err
        assert len(ended.step("a").attempts) == 3
        assert dagu.read("work/sub-2/out-2") == "step-root-2\n" * 2 + "step-root-2"
        assert len(ended.step("b").attempts) == 2
        assert ended.stdout("d") == "v-2 content"
        assert ended.stdout("e") == "2"

    def test_handlers_are_resolved_alike(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            consts: [{c: value}]
            handler_on:
              exit:
                run: echo ${consts.c} $E
                env: {E: 'env-${consts.c}'}
                stdout: out-${consts.c}
                working_dir: DIR
            steps: [{id: a, run: 'true'}]
            """.replace("DIR", str(dagu.directory))
        )
        assert ended.stdout("onExit") == "value env-value"
        assert dagu.read("out-value") == "value env-value"

    def test_a_number_that_is_none_once_it_is_known_fails_its_step(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            params: [{name: p, default: many}]
            steps: [{id: a, run: 'false', retry_policy: {limit: '${params.p}'}}]
            """
        )
        ended.fails_with("steps[0].retry_policy.limit", "many")


class TestReferences:
    @pytest.mark.parametrize(
        "text",
        [
            "${consts.a.b}",
            "$params.x",
            "${step.x.y}",
            "${env}",
            "${consts}",
            "${consts.nope}",
            "${params.nope}",
            "${env.NOPE}",
            "${steps.nope.outputs.x}",
            "${foreach.item}",
            "${context.nope}",
            "${ITEM}",
            "${nope.output}",
            "${ consts.c }",
            "${consts.1}",
            "${consts._c}",
        ],
    )
    def test_what_is_none_or_has_no_value_stays_and_fails_nothing(self, dagu: Project, text: str) -> None:
        ended = dagu.start(f"consts: [{{c: 1}}]\nsteps:\n  - {{id: a, run: \"echo '{text}'\"}}\n")
        assert ended.stdout("a") == text
        assert "left unchanged" not in ended.err

    def test_quotes_give_no_protection(self, dagu: Project) -> None:
        ended = dagu.start(
            'consts: [{c: v}]\nsteps:\n  - {id: a, run: "echo \'${consts.c}\' \\"${consts.c}\\""}\n'
        )
        assert ended.stdout("a") == "v v"

    def test_environment_names_may_start_with_an_underscore(self, dagu: Project) -> None:
        ended = dagu.start("env: {_X: v}\nsteps: [{id: a, run: 'echo ${env._X}'}]\n")
        assert ended.stdout("a") == "v"


class TestEscapes:
    @pytest.mark.parametrize(
        ("written", "printed"),
        [
            (r"\${consts.c}", "${consts.c}"),
            (r"\\${consts.c}", r"\\v"),
            (r"\\\${consts.c}", r"\\${consts.c}"),
            (r"\$NAME", r"\$NAME"),
            (r"\${consts.nope}", "${consts.nope}"),
        ],
    )
    def test_an_odd_run_of_backslashes_loses_its_last(
        self, dagu: Project, written: str, printed: str
    ) -> None:
        ended = dagu.start(
            f"consts: [{{c: v}}]\nsteps:\n  - id: a\n    run: |\n      cat <<'END'\n      {written}\n      END\n"
        )
        assert ended.stdout("a") == printed
