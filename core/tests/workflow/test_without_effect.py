"""Fields that nothing acts on are told, not swallowed."""

from __future__ import annotations

from dagu.workflow.load import load_text
from dagu.workflow.without_effect import without_effect


def told(text: str) -> tuple[str, ...]:
    return tuple(
        line.partition(" has no effect")[0] for line in without_effect(load_text(text, name="x").tree)
    )


def test_at_the_root() -> None:
    text = "smtp: {host: mail}\nlog_dir: logs\nlog_output: merged\ntags: [a]\nsteps:\n  - run: 'true'\n"
    assert told(text) == ("smtp", "log_dir", "log_output: merged")


def test_in_steps_and_in_bodies() -> None:
    text = """
steps:
  - {id: a, run: 'true', mail_on_error: true, log_output: separate}
  - id: b
    foreach:
      items: [1]
      steps:
        - {id: c, run: 'true', log_output: merged}
"""
    assert told(text) == ("steps[0].mail_on_error", "steps[1].foreach.steps[0].log_output: merged")


def test_a_line_says_what_to_do() -> None:
    (line,) = without_effect(load_text("mail_on: {failure: true}\nsteps:\n  - run: 'true'\n", name="x").tree)
    assert line == "mail_on has no effect: no mail is sent; a handler under handler_on can send it"


def test_a_usual_file_has_none() -> None:
    assert told("steps:\n  - run: 'true'\n") == ()
