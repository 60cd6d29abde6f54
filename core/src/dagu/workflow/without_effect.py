"""Fields of Dagu's that are read, and that nothing here acts on."""

from __future__ import annotations

from collections.abc import Iterator

from dagu.workflow.tree import Node

_HOSTS = "steps run on this machine, or in containers"
_MAIL = "no mail is sent; a handler under handler_on can send it"
_LOGS = "logs lie below DAGU_HOME"
_STREAMS = "standard output and error have a log file each"
_ROOT = {
    "ssh": _HOSTS,
    "kubernetes": _HOSTS,
    "llm": "models are asked by steps with action: harness.run",
    "tools": "programs have to be there, on the machine or in the image",
    "retry_policy": "write it in the steps, or under defaults for all of them; `dagu retry` repeats a run",
    "run_config": "whoever may start a workflow may give it parameters and a run id",
    "smtp": _MAIL,
    "mail_on": _MAIL,
    "error_mail": _MAIL,
    "info_mail": _MAIL,
    "wait_mail": _MAIL,
    "log_dir": _LOGS,
}


def without_effect(root: Node) -> tuple[str, ...]:
    """One line for each such field of a document."""
    return tuple(f"{path} has no effect: {reason}" for path, reason in _found(root))


def _found(root: Node) -> Iterator[tuple[str, str]]:
    for name, reason in _ROOT.items():
        if root.get(name) is not None:
            yield name, reason
    if _merged(root):
        yield "log_output: merged", _STREAMS
    for path, step in _steps(root, "steps"):
        if step.get("mail_on_error") is not None:
            yield f"{path}.mail_on_error", _MAIL
        if _merged(step):
            yield f"{path}.log_output: merged", _STREAMS


def _steps(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    steps = node.get("steps")
    if steps is None or steps.kind == "scalar":
        return
    for index, item in enumerate(steps.value):
        key, step = item if steps.kind == "map" else (None, item)
        where = f"{path}[{index}]" if key is None else f"{path}.{key.text}"
        yield where, step
        body = step.get("foreach")
        if body is not None:
            yield from _steps(body, f"{where}.foreach.steps")


def _merged(node: Node) -> bool:
    found = node.get("log_output")
    return found is not None and found.kind == "scalar" and found.text == "merged"
