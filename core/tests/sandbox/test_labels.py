"""Whose a container is, and whether its owner lives."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from dagu.sandbox import labels
from dagu.sandbox.labels import Owner

CHILD = "from dagu.sandbox.labels import Owner; print(Owner.me(), flush=True); input()"


def test_text_and_back() -> None:
    me = Owner.me()
    assert Owner.parse(str(me)) == me


@pytest.mark.parametrize("text", ["", "x", "a/b/1/2", "a/b/1/2/x", "a/b/1/2/3/4"])
def test_what_is_not_ours_is_nobody(text: str) -> None:
    assert Owner.parse(text) is None


def test_this_process_lives_and_others_of_its_number_do_not() -> None:
    me = Owner.me()
    assert me.alive() is True
    assert replace(me, start=me.start + 1).alive() is False


def test_a_boot_before_this_one_is_over_and_another_machine_is_unknown() -> None:
    me = Owner.me()
    assert replace(me, boot="earlier").alive() is False
    assert replace(me, boot="other", host="elsewhere").alive() is None


def test_a_child_lives_until_it_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        owner = Owner.parse(child.stdout.readline().strip())
        assert owner is not None
        assert owner.alive() is True
    assert owner.alive() is False


def test_a_process_of_a_namespace_inside_is_seen_from_the_first_one() -> None:
    if Owner.me().namespace != labels._FIRST:
        pytest.skip("this machine is a container itself: it sees no other namespace")
    with subprocess.Popen(
        ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        owner = Owner.parse(child.stdout.readline().strip())
        assert owner is not None
        assert owner.pid == 1
        assert owner.namespace != Owner.me().namespace
        assert owner.alive() is True
    assert owner.alive() is False


def test_labels_of_a_run_and_of_a_step() -> None:
    assert labels.for_run("r") == {labels.OWNER: str(Owner.me()), labels.RUN: "r"}
    assert labels.for_run("r", step="s", attempt=2, keep=True) == {
        labels.OWNER: str(Owner.me()),
        labels.RUN: "r",
        labels.STEP: "s",
        labels.ATTEMPT: "2",
        labels.KEEP: "true",
    }
