"""Stored workflows: found, read once, written whole, never outside of their directory."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dagu.errors import UsageError, WorkflowInvalid
from dagu.service import workflows as module
from dagu.service.workflows import Workflows

GOOD = "steps:\n  - run: echo hi\n"


@pytest.fixture
def stored(tmp_path: Path) -> Workflows:
    (tmp_path / "dags").mkdir()
    return Workflows(tmp_path / "dags", flags=tmp_path / "flags")


def put(stored: Workflows, path: str, text: str = GOOD) -> Path:
    file = stored.directory / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_names_are_paths_without_their_ending(stored: Workflows) -> None:
    for path in (
        "b.yaml",
        "a.yml",
        "etl/nightly.yaml",
        "etl/deep/er.yaml",
        "notes.txt",
        ".hidden.yaml",
        ".git/x.yaml",
    ):
        put(stored, path)
    assert stored.names() == ["a", "b", "etl/deep/er", "etl/nightly"]
    assert stored.get("a").file == stored.directory / "a.yml"
    assert stored.source("etl/nightly") == GOOD
    assert [each.name for each in stored.all()] == stored.names()


def test_no_directory_holds_no_workflows(tmp_path: Path) -> None:
    assert Workflows(tmp_path / "none", flags=tmp_path / "flags").all() == []


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "a/../../outside",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a//b",
        "a/",
        ".hidden",
        "a/.hidden",
        "a\0b",
        "a\nb",
        "-x",
        "a\\b",
        "a" * 300,
        "/".join("abcdefghijk"),
    ],
)
def test_a_name_can_not_leave_the_directory(stored: Workflows, name: str) -> None:
    (stored.directory.parent / "outside.yaml").write_text(GOOD)
    with pytest.raises(UsageError):
        stored.get(name)
    with pytest.raises(UsageError):
        stored.source(name)
    with pytest.raises(UsageError):
        stored.save(name, GOOD)
    with pytest.raises(UsageError):
        stored.delete(name)
    with pytest.raises(UsageError):
        stored.suspend(name, True)
    assert (stored.directory.parent / "outside.yaml").read_text() == GOOD


def test_links_that_lead_out_are_not_followed(stored: Workflows) -> None:
    outside = stored.directory.parent / "elsewhere"
    outside.mkdir()
    (outside / "x.yaml").write_text(GOOD)
    (stored.directory / "link.yaml").symlink_to(outside / "x.yaml")
    (stored.directory / "folder").symlink_to(outside)
    assert stored.names() == []
    for name in ("link", "folder/x", "folder/new"):
        with pytest.raises(UsageError):
            stored.get(name)
    with pytest.raises(UsageError, match="leads out of"):
        stored.save("folder/new", GOOD)
    assert sorted(path.name for path in outside.iterdir()) == ["x.yaml"]
    # As volumes of configuration do it: a link to a file beside it.
    put(stored, "..data/real.yaml")
    (stored.directory / "within.yaml").symlink_to("..data/real.yaml")
    assert stored.names() == ["within"]


def test_what_is_told_of_a_workflow(stored: Workflows) -> None:
    put(
        stored,
        "w.yaml",
        """
description: Loads it
tags: [nightly, team=data]
schedule: "0 1 * * *"
params:
  - {name: tier, enum: [free, paid], required: true, description: Which one}
  - {name: count, type: integer, default: 3}
  - positional
steps:
  - {id: one, run: echo}
  - {id: two, depends: one, description: second, action: exec, with: {command: "true"}}
""",
    )
    found = stored.get("w")
    assert (found.description, found.tags) == ("Loads it", ("nightly", "team=data"))
    assert found.schedule.texts == ("0 1 * * *",)
    assert found.params_schema == {
        "type": "object",
        "properties": {
            "tier": {"type": "string", "enum": ["free", "paid"], "description": "Which one"},
            "count": {"type": "integer", "default": 3},
        },
        "required": ["tier"],
    }
    assert [(step["name"], step["depends"], step["kind"]) for step in found.steps] == [
        ("one", [], "run"),
        ("two", ["one"], "exec"),
    ]
    assert found.steps[1]["line"] == 11


def test_a_schema_beside_the_file(stored: Workflows) -> None:
    put(stored, "s.json", '{"type": "object", "properties": {"a": {"type": "string"}}}')
    put(stored, "w.yaml", "params: {schema: ./s.json, values: {a: x}}\n" + GOOD)
    assert stored.get("w").params_schema["properties"] == {"a": {"type": "string", "default": "x"}}
    put(stored, "v.yaml", "params: {schema: ./none.json}\n" + GOOD)
    assert stored.get("v").params_schema == {}


def test_one_with_mistakes_is_told_with_them(stored: Workflows) -> None:
    put(stored, "bad.yaml", "steps:\n  - rn: x\n")
    put(stored, "cron.yaml", "schedule: nightly\n" + GOOD)
    put(stored, "cycle.yaml", "steps:\n  - {id: a, run: x, depends: b}\n  - {id: b, run: x, depends: a}\n")
    assert stored.get("bad").problems[0].line == 2
    assert "no cron expression" in stored.get("cron").problems[0].message
    assert "cyclic" in stored.get("cycle").problems[0].message
    assert [each.name for each in stored.all() if each.problems] == ["bad", "cron", "cycle"]


def test_a_file_is_read_again_only_when_it_changed(
    stored: Workflows, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = module.read_stored
    monkeypatch.setattr(module, "read_stored", lambda name, *rest: read.append(name) or original(name, *rest))
    file = put(stored, "w.yaml")
    stored.all()
    stored.get("w")
    assert read == ["w"]
    file.write_text("description: new\n" + GOOD)
    assert stored.get("w").description == "new"
    os.utime(file, ns=(1, 1))
    stored.all()
    assert read == ["w"] * 3
    file.unlink()
    assert stored.all() == []


def test_the_base_config_lies_beneath_and_is_no_workflow(tmp_path: Path) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    base = dags / "base.yaml"
    base.write_text("queue: slow\n")
    stored = Workflows(dags, flags=tmp_path / "flags", base=base)
    put(stored, "w.yaml")
    assert stored.names() == ["w"]
    assert stored.get("w").schedule.queue == "slow"
    base.write_text("queue: slower\n")
    assert stored.get("w").schedule.queue == "slower"
    with pytest.raises(UsageError):
        stored.delete("base")


class TestSaving:
    def test_new_and_known(self, stored: Workflows) -> None:
        assert stored.save("etl/new one", GOOD) == []
        file = stored.directory / "etl/new one.yaml"
        assert file.read_text() == GOOD
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o644)
        assert stored.save("etl/new one", f"description: é\n{GOOD}") == []
        assert stored.source("etl/new one").startswith("description: é")
        assert file.stat().st_mode & 0o777 == 0o644
        assert [path.name for path in file.parent.iterdir()] == ["new one.yaml"]

    def test_a_known_file_keeps_its_ending(self, stored: Workflows) -> None:
        put(stored, "a.yml")
        stored.save("a", f"description: x\n{GOOD}")
        assert [path.name for path in stored.directory.iterdir()] == ["a.yml"]

    def test_one_with_mistakes_is_not_written(self, stored: Workflows) -> None:
        put(stored, "w.yaml")
        problems = stored.save("w", "schedule: x\ncatchup_window: y\nsteps: [{run: a}]\n")
        assert [problem.line for problem in problems] == [1, 2]
        assert stored.source("w") == GOOD
        assert stored.save("v", "steps: []\n") != []
        assert stored.names() == ["w"]

    def test_too_long(self, stored: Workflows) -> None:
        with pytest.raises(UsageError, match="at most 4 MiB"):
            stored.save("w", "#" * (5 * 2**20))

    def test_who_reads_meanwhile_sees_a_whole_file(self, stored: Workflows) -> None:
        texts = [f"# {letter * 200_000}\n{GOOD}" for letter in "ab"]
        stored.save("w", texts[0])
        done = threading.Event()
        seen: set[str] = set()

        def read() -> None:
            while not done.is_set():
                seen.add(stored.source("w"))

        thread = threading.Thread(target=read)
        thread.start()
        for number in range(20):
            stored.save("w", texts[number % 2])
        done.set()
        thread.join()
        assert seen <= set(texts)


def test_deleting(stored: Workflows) -> None:
    put(stored, "w.yaml")
    stored.suspend("w", True)
    stored.delete("w")
    assert stored.names() == []
    put(stored, "w.yaml")
    assert not stored.is_suspended("w")


def test_suspending(stored: Workflows) -> None:
    put(stored, "etl/w.yaml")
    put(stored, "etl-w.yaml")
    assert not stored.is_suspended("etl/w")
    stored.suspend("etl/w", True)
    stored.suspend("etl/w", True)
    assert stored.is_suspended("etl/w")
    assert not stored.is_suspended("etl-w")
    stored.suspend("etl/w", False)
    stored.suspend("etl/w", False)
    assert not stored.is_suspended("etl/w")


def test_a_text_is_checked_as_the_file_that_it_would_be(stored: Workflows) -> None:
    assert stored.problems(GOOD, "new") == []
    (problem,) = stored.problems("name: x\n" + GOOD, "new")
    assert (problem.file, problem.line) == ("new.yaml", 1)
    assert stored.problems("", "")[0].message.startswith("the file is empty")


def test_a_file_that_is_no_text(stored: Workflows) -> None:
    (stored.directory / "w.yaml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in stored.get("w").problems[0].message
    with pytest.raises(WorkflowInvalid):
        stored.source("w")
