"""Section 2 of the reference: documents, root keys, the order of steps, defaults."""

from __future__ import annotations

import pytest

from .conftest import Project

STEPS = "steps: [{id: a, run: touch ran}]\n"


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("steps: [{id: a\n", ["yaml"]),
        ("\t- x", ["yaml"]),
        ("", ["empty"]),
        ("# only a remark\n", ["empty"]),
        (f"{STEPS}---\n---\nname: c\n{STEPS}", ["document 2", "empty"]),
        ("description: x\n", ["steps"]),
        ("steps: x\n", ["steps", "sequence"]),
        ("steps: {a: b}\n", ["steps", "sequence"]),
        ("steps: []\n", ["steps", "non-empty"]),
        (f"{STEPS}---\n{STEPS}", ["document 2", "name"]),
        (f"{STEPS}---\nname: twin\n{STEPS}---\nname: twin\n{STEPS}", ["twin", "unique"]),
        (f"{STEPS}stepz: 1\n", ["invalid keys", "stepz"]),
        (f"{STEPS}Env: {{}}\n", ["invalid keys", "Env"]),
        (f"{STEPS}steps: []\n", ["already defined"]),
        (f"type: agent\n{STEPS}", ["type"]),
        (f"type: build\n{STEPS}", ["type"]),
        ("type: chain\nsteps: [{id: a, run: touch ran, depends: []}]\n", ["depends field is not allowed"]),
    ],
)
def test_load_errors(dagu: Project, text: str, fragments: list[str]) -> None:
    dagu.refuses(text, *fragments)


def test_every_root_key_of_the_page_is_accepted(dagu: Project) -> None:
    ended = dagu.validate(
        """
        description: d
        type: graph
        working_dir: .
        shell: sh
        shell_args: [-e]
        params: [{name: p, default: x}]
        consts: [{c: 1}]
        env: {E: x}
        dotenv: []
        secrets: [{name: S, provider: env, key: K}]
        defaults: {timeout_sec: 5}
        handler_on: {exit: {run: 'true'}}
        preconditions: []
        timeout_sec: 5
        delay_sec: 0
        max_active_steps: 1
        max_clean_up_time_sec: 1
        max_output_size: 10
        artifacts: {enabled: false, dir: x}
        ssh: {}
        kubernetes: {}
        llm: {}
        tools: []
        retry_policy: {}
        group: g
        labels: {a: b}
        tags: [t]
        schedule: '0 0 * * *'
        catchup_window: 1h
        overlap_policy: skip
        skip_if_successful: false
        restart_wait_sec: 1
        hist_retention_days: 1
        hist_retention_runs: 1
        max_active_runs: 1
        queue: q
        run_config: {}
        worker_selector: {a: b}
        smtp: {}
        mail_on: {}
        error_mail: {}
        info_mail: {}
        wait_mail: {}
        log_dir: x
        log_output: separate
        steps: [{id: a, run: 'true'}]
        """
    )
    assert (ended.code, ended.err) == (0, "")


def test_a_run_executes_the_first_document_only(dagu: Project) -> None:
    ended = dagu.start(f"{STEPS}---\nname: other\nsteps: [{{id: b, run: touch ran-b}}]\n", "-p", "")
    assert ended.steps == {"a": "succeeded"}


class TestOrder:
    def test_a_graph_orders_by_depends(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            steps:
              - {id: c, run: echo c >> order, depends: [b]}
              - {id: b, run: echo b >> order, depends: a}
              - {id: a, run: echo a >> order}
            """
        )
        assert ended.code == 0
        assert dagu.read("order").split() == ["a", "b", "c"]

    def test_a_chain_goes_from_one_step_to_the_next(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            type: chain
            working_dir: .
            steps:
              - {run: sleep 0.1; echo first >> order}
              - {run: echo second >> order}
              - {run: 'false'}
              - {run: echo never >> order}
            """
        )
        assert dagu.read("order").split() == ["first", "second"]
        assert list(ended.steps.values()) == ["succeeded", "succeeded", "failed", "aborted"]

    @pytest.mark.parametrize(("limit", "most"), [(1, 1), (2, 2), (0, 4)])
    def test_max_active_steps(self, dagu: Project, limit: int, most: int) -> None:
        # Each step waits for as many others as may run beside it, so that fewer would time out.
        run = f"touch in.$DAG_RUN_STEP_NAME; until test $(ls | grep -c ^in) -ge {most}; do sleep 0.01; done"
        steps = "\n".join(f"  - {{id: s{n}, run: '{run}', timeout_sec: 20}}" for n in range(4))
        ended = dagu.start(f"working_dir: .\nmax_active_steps: {limit}\nsteps:\n{steps}\n")
        assert set(ended.steps.values()) == {"succeeded"}, ended.err

    def test_one_at_a_time_never_overlaps(self, dagu: Project) -> None:
        run = "mkdir busy && sleep 0.05 && rmdir busy"
        steps = "\n".join(f"  - {{id: s{n}, run: {run}}}" for n in range(4))
        ended = dagu.start(f"working_dir: .\nmax_active_steps: 1\nsteps:\n{steps}\n")
        assert set(ended.steps.values()) == {"succeeded"}, ended.err

    def test_delay_sec_waits_before_the_first_step(self, dagu: Project) -> None:
        ended = dagu.start("delay_sec: 0.3\nsteps: [{id: a, run: 'true'}]\n")
        started = ended.step("a").started_at
        assert ended.record is not None
        assert started is not None
        assert started - ended.record.started_at >= 0.3


class TestDefaults:
    def test_they_fill_absent_step_keys(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            defaults:
              continue_on: failed
              retry_policy: {limit: 1, interval_sec: 0}
            steps:
              - {id: a, run: 'false'}
              - {id: b, run: 'false', retry_policy: {limit: 0}, depends: a}
              - {id: c, run: 'true', depends: b}
            """
        )
        assert ended.steps == {"a": "failed", "b": "failed", "c": "succeeded"}
        assert [len(ended.step(name).attempts) for name in "ab"] == [2, 1]

    def test_repeat_and_timeout(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            defaults: {repeat_policy: {repeat: true, limit: 3, interval_sec: 0}, timeout_sec: 30}
            steps: [{id: a, run: 'true'}]
            """
        )
        assert len(ended.step("a").attempts) == 3
        slow = "defaults: {timeout_sec: 0.1, signal_on_stop: KILL}\nsteps: [{id: a, run: sleep 60}]\n"
        assert dagu.start(slow).step("a").exit_code == 124

    def test_env_and_preconditions_come_before_the_steps_own(self, dagu: Project) -> None:
        ended = dagu.start(
            """
            working_dir: .
            defaults:
              env: [{A: default}, {B: default}]
              preconditions: [{condition: echo default >> order}]
            steps:
              - id: a
                env: [{B: 'own-${env.A}'}]
                preconditions: [{condition: echo own >> order}]
                run: echo $A $B
            """
        )
        assert ended.stdout("a") == "default own-default"
        assert dagu.read("order").split() == ["default", "own"]
