"""The shape of a file: documents, root keys, what is no YAML at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagu.errors import WorkflowInvalid
from dagu.workflow.load import load_file

STEPS = "steps: [{run: echo}]\n"


@pytest.mark.parametrize(
    "text",
    [
        ("steps: [\n‸"),
        ("a: b‸: c\n"),
        ("steps:\n‸\t- run: x\n"),
        ("steps: ‸*nowhere\n"),
        ("‸just text\n"),
        ("‸- run: x\n"),
        ("‸steps: \u0007\n"),
        ('a: "open\n‸'),
    ],
)
def test_what_is_no_yaml_mapping(refused_here, text):
    refused_here(text, "yaml")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("steps:\n  - id: a\n    run: 'echo\n  - id: b\n‸", "that began on line 3"),
        ("steps: [{run: x}\n‸params: 1\n", "that began on line 1"),
        ("steps:\n‸\t- run: x\n", "(indent with blanks, not with tabs)"),
        ("steps:\n  - run: echo a‸: b\n", "(put a text that holds ': ' into quotes)"),
        ("steps:\n  - run: ‸@x\n", "(put a text that begins with @ into quotes)"),
    ],
)
def test_what_to_do_about_what_is_no_yaml(refused_here, text, fragment):
    refused_here(text, "not valid yaml", fragment)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing here\n", "---\n", "null\n", "---\n...\n"])
def test_a_file_without_content(refused, text):
    refused(text, "1:1", "empty")


def test_an_empty_later_document(refused):
    refused(f"{STEPS}---\n# nothing\n", "2:1", "document 2", "empty")


def test_an_empty_first_document(refused):
    refused(f"---\n---\nname: a\n{STEPS}", "1:1", "document 1", "empty")


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("‸name: a\n", "required"),
        ("‸{}\n", "required"),
        ("steps: ‸{a: {run: x}}\n", "sequence"),
        ("steps: ‸text\n", "sequence"),
        ("steps:‸\n", "sequence"),
        ("steps: ‸[]\n", "non-empty"),
    ],
)
def test_steps_must_be_a_list_with_something_in_it(refused_here, text, fragment):
    refused_here(text, "steps", fragment)


def test_a_name_in_the_first_document_is_for_runs_only(load, refused):
    text = f"name: mine\n{STEPS}"
    assert load(text).name == "mine"
    refused(text, "1:1", "entrypoint", "name", entry_name_allowed=False)
    assert load(f"name:\n{STEPS}", entry_name_allowed=False).name == ""


def test_later_documents_need_a_name_of_their_own(load, refused):
    refused(f"{STEPS}---\n{STEPS}", "3:1", "document 2", "name")
    refused(f"{STEPS}---\nname: ' '\n{STEPS}", "3:7", "document 2", "name")
    refused(f"{STEPS}---\nname: x\n{STEPS}---\nname: x\n{STEPS}", "6:7", "'x'", "unique")
    found = load(f"{STEPS}---\nname: x\n{STEPS}---\nname: y\n{STEPS}")
    assert list(found.documents) == ["x", "y"]
    assert found.documents["x"].documents["y"].name == "y"


def test_messages_of_later_documents_say_so(refused):
    assert refused(f"{STEPS}---\nname: x\n{STEPS}typ: graph\n", "5:1", "invalid keys: typ").startswith(
        "document 2: "
    )


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("stepz", "steps"),
        ("workingDir", "working_dir"),
        ("Env", "env"),
        ("max-active-steps", "max_active_steps"),
    ],
)
def test_unknown_root_keys_and_what_was_meant(refused, key, meant):
    refused(f"{STEPS}{key}: 1\n", "2:1", "invalid keys", key, f"did you mean '{meant}'?")


def test_an_unknown_root_key_that_resembles_nothing(refused):
    assert "did you mean" not in refused(f"{STEPS}zzzzzz: 1\n", "2:1", "invalid keys", "zzzzzz")


@pytest.mark.parametrize(
    "text",
    [
        f"{STEPS}‸steps: []\n",
        ("steps:\n  - run: x\n    ‸run: y\n"),
        f'{STEPS}env: {{A: 1, ‸"A": 2}}\n',
        f"{STEPS}name: a\n‸name: a\n",
    ],
)
def test_a_key_twice(refused_here, text):
    refused_here(text, "already defined")


def test_every_mistake_at_once(all_problems):
    found = all_problems(
        """\
        stepz: 1
        consts: {a: 1}
        env: [X]
        steps:
          - id: 9
            rn: x
          - id: a
            run: ""
            depends: [zz]
        """
    )
    assert [line.split(": ")[0] for line in found] == [
        "1:1",
        "2:9",
        "3:7",
        "5:5",
        "5:9",
        "6:5",
        "8:10",
        "9:15",
    ]


def test_root_keys_that_other_parts_own_are_kept(load):
    found = load(
        f"""\
        schedule: "0 * * * *"
        queue: slow
        group: nightly
        overlap_policy: skip
        worker_selector: {{gpu: true}}
        ssh: {{host: example.com}}
        hist_retention_days: 30
        run_config: {{disable_param_edit: true}}
        {STEPS}"""
    )
    assert found.rest["schedule"] == "0 * * * *"
    assert found.rest["worker_selector"] == {"gpu": "true"}
    assert set(found.rest) >= {"queue", "group", "overlap_policy", "ssh", "hist_retention_days", "run_config"}


def test_plain_root_fields(load):
    found = load(
        """\
        name: nightly
        description: what it does
        working_dir: ./work
        shell: bash -e
        shell_args: [-x]
        dotenv: [.env.prod]
        timeout_sec: 60
        delay_sec: 1
        max_active_steps: 0
        max_clean_up_time_sec: 2.5
        max_output_size: 2048
        artifacts: {enabled: true, dir: out}
        resources: {limits: {cpu: 1.5, memory: 512Mi}}
        labels: {team: data, tier: 1}
        tags: "a, b=c"
        steps: [{run: echo}]
        """
    )
    assert (found.name, found.working_dir, found.timeout_sec, found.max_active_steps) == (
        "nightly",
        "./work",
        60,
        0,
    )
    assert found.shell is not None
    assert (found.shell.text, found.shell.args) == ("bash -e", ("-x",))
    assert (found.dotenv, found.max_output_size, found.max_clean_up_time_sec) == ((".env.prod",), 2048, 2.5)
    assert (found.artifacts.enabled, found.artifacts.dir) == (True, "out")
    assert (found.cpu_limit, found.memory_limit) == (1.5, "512Mi")
    assert found.labels == (("team", "data"), ("tier", "1"))
    assert found.tags == ("a", "b=c")


def test_what_is_absent(load):
    found = load(STEPS)
    assert (found.type, found.dotenv, found.max_active_steps, found.max_clean_up_time_sec) == (
        "graph",
        None,
        None,
        5.0,
    )
    assert load(f"dotenv: []\n{STEPS}").dotenv == ()


@pytest.mark.parametrize(
    ("line", "fragments"),
    [
        ("timeout_sec: ‸-1", ("timeout_sec", "from 0 to")),
        ("timeout_sec: ‸soon", ("timeout_sec", "a number")),
        ("timeout_sec: ‸${params.t}", ("timeout_sec", "a number")),
        ("max_active_steps: ‸1.5", ("max_active_steps", "integer")),
        ("max_output_size: ‸0", ("max_output_size",)),
        ("type: ‸tree", ("type", "graph or chain")),
        ("type: ‸agent", ("agent workflows are not supported",)),
        ("type: ‸build", ("build workflows are not supported",)),
        ("‸tasks: []", ("invalid keys: tasks", "not supported")),
        ("resources: {limits: {memory: ‸lots}}", ("resources.limits.memory", "not a size")),
        ("resources: {limits: {cpu: ‸0}}", ("resources.limits.cpu",)),
        ("‸shell_args: [-x]", ("shell_args", "needs shell")),
        ("artifacts: {enabled: ‸maybe}", ("artifacts.enabled", "boolean")),
        ("overlap_policy: ‸later", ("overlap_policy", "skip, all, latest")),
        ("log_output: ‸mixed", ("log_output", "separate, merged")),
        ("description: ‸[a]", ("description", "must be text")),
    ],
)
def test_root_fields_are_checked(refused_here, line, fragments):
    refused_here(f"{line}\n{STEPS}", *fragments)


def test_yaml_is_read_by_the_core_schema_of_1_2(load):
    found = load(
        """\
        env: {A: yes, B: on, C: 12:30, D: 2031-01-02, E: 0o17, F: 0x1f, G: 1.50, H: ~, I: TRUE, J: 1e3, K: 1_000}
        steps: [{run: echo}]
        """
    )
    values = {entry.name: entry.value for entry in found.env}
    assert values == {
        "A": "yes",
        "B": "on",
        "C": "12:30",
        "D": "2031-01-02",
        "E": "15",
        "F": "31",
        "G": "1.5",
        "H": "",
        "I": "true",
        "J": "1000",
        "K": "1_000",
    }


def test_anchors_merge_keys_and_explicit_tags(load):
    found = load(
        """\
        defaults: {env: &env [{A: 1}]}
        env: *env
        steps:
          - &one {run: !!str 1, working_dir: /tmp}
          - {<<: *one, run: echo}
        """
    )
    assert found.env[0].name == "A"
    assert [(step.run.commands, step.working_dir) for step in found.steps if step.run] == [
        (("1",), "/tmp"),
        (("echo",), "/tmp"),
    ]


def test_tags_that_nobody_knows(refused):
    refused(f"env: !vault [A=1]\n{STEPS}", "1:6", "yaml tag", "not supported")
    refused(f"env: {{A: !!int x}}\n{STEPS}", "1:10", "yaml tag")


def test_files_that_can_not_be_read(tmp_path: Path):
    def message(content: bytes | None) -> str:
        file = tmp_path / "w.yaml"
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(WorkflowInvalid) as caught:
            load_file(file)
        (problem,) = caught.value.problems
        assert problem.file == str(file)
        return problem.message

    assert "No such file" in message(None)
    assert "binary" in message(b"steps:\0")
    assert "UTF-8" in message(b"a: 1\nb: \xff\n")
    assert "too large" in message(b"#" * (4 * 1024 * 1024 + 1))
    with pytest.raises(WorkflowInvalid, match="directory"):
        load_file(tmp_path)


def test_a_byte_order_mark_and_windows_line_ends(tmp_path: Path):
    file = tmp_path / "w.yaml"
    file.write_bytes(b"\xef\xbb\xbfsteps:\r\n  - run: |\r\n      echo a\r\n      echo b\r\n")
    found = load_file(file)
    assert found.steps[0].run is not None
    assert found.steps[0].run.script == "echo a\necho b\n"
    assert found.file == file
    assert found.source.startswith("steps:")
