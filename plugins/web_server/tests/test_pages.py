"""The pages that people see, as HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from web_fakes import BEGAN, MISTAKE, FakeContext, attempt, run, step

EVIL = "<script>alert(1)</script>'\"&"
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Tree(HTMLParser):
    """Sees that tags are closed in order, that ids are unique, and that nothing runs inline."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.problems: list[str] = []
        self.labelled: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if found := given.get("id"):
            self.ids.append(found)
        self.problems += [f"{tag} {name}" for name in given if name.startswith("on") or name == "style"]
        if tag == "script" and not given.get("src"):
            self.problems.append("inline script")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"stray </{tag}>")

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(client: TestClient, path: str, status: int = 200) -> Tree:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    tree = Tree()
    tree.feed(answer.text)
    tree.close()
    assert tree.problems == []
    assert tree.open == []
    assert len(set(tree.ids)) == len(tree.ids)
    return tree


@pytest.fixture
def full(context: FakeContext) -> FakeContext:
    """Everything that can be shown, each text as evil as can be."""
    usage = {"input": 1200, "cached": 100, "output": 34, "cost_usd": 0.0123}
    agent = attempt(provider=EVIL, model=EVIL, usage=usage, reason=EVIL, place=EVIL)
    context.texts |= {"team/nightly": f"# {EVIL}</textarea>\n", "broken": "wrong"}
    context.infos["broken"] = {"problems": [{**MISTAKE, "message": EVIL}]}
    context.infos["team/nightly"] = {
        "description": EVIL,
        "tags": (EVIL,),
        "schedules": (EVIL,),
        "next_run": BEGAN,
        "steps": [step(EVIL), step("b", depends=[EVIL])],
        "params_schema": {
            "properties": {
                EVIL: {"type": "string", "default": EVIL, "description": EVIL, "pattern": EVIL},
                "n": {"type": "integer", "minimum": 1},
                "b": {"type": "boolean", "default": True},
                "c": {"enum": [EVIL, 1]},
                "j": {"type": "object", "default": {EVIL: EVIL}},
            },
            "required": ["n"],
        },
    }
    context.add_run(
        run(
            "r1",
            step(EVIL, 0, attempts=[agent, {**agent, "number": 2}], outputs={EVIL: EVIL, "n": 1}, error=EVIL),
            step("b", 1, depends=[EVIL], status="not_started", attempts=[], started_at=None),
            step("cleanup", 2, kind="handler", attempts=[]),
            workflow="team/nightly",
            status="failed",
            error=EVIL,
            params=EVIL,
            labels={EVIL: EVIL, "only": ""},
            trigger=EVIL,
            queue=EVIL,
            root_id="root",
            root_name=EVIL,
            parent_step=EVIL,
        ),
        run("r2", status="running", finished_at=None, workflow="team/nightly"),
        run("r3", status="interrupted", workflow="team/nightly"),
    )
    context.spent = [
        {"workflow": EVIL, "provider": EVIL, "model": EVIL, "attempts": 2, "without_cost": 1, **usage},
        {
            "workflow": "w",
            "provider": "p",
            "model": "m",
            "attempts": 2,
            "without_cost": 2,
            **usage,
            "cost_usd": None,
        },
    ]
    kinds = ("session", "text", "tool_call", "tool_result", "usage", "error", "end", "brand_new")
    context.events = [
        {
            "id": at,
            "step": "a",
            "attempt": 1,
            "kind": kind,
            "at": BEGAN,
            "payload": {
                "kind": kind,
                "text": EVIL * 60,
                "tool": EVIL,
                "session_id": EVIL,
                "model": EVIL,
                "usage": usage,
            },
        }
        for at, kind in enumerate(kinds, 1)
    ]
    return context


PATHS = (
    "/",
    "/new",
    "/workflows/hello",
    "/workflows/team/nightly",
    "/workflows/broken",
    "/edit/team/nightly",
    "/runs",
    "/runs?workflow=hello&status=failed&last=24h&run_id=r&label=x&offset=0",
    "/runs/r1",
    "/runs/r1?step=b",
    "/runs/r1?stream=stdout",
    "/runs/r1?stream=agent&attempt=1",
    "/runs/r1/agent",
    "/runs/r2",
    "/runs/r3",
    "/usage",
    "/usage?last=7d",
    "/system",
    "/system/runtimes",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.usefixtures("full")
def test_pages_are_well_formed_whatever_is_in_them(client: TestClient, path: str) -> None:
    tree = checked(client, path)
    assert "<script" not in tree.open


@pytest.mark.parametrize("path", ["/runs/r1", "/workflows/team/nightly", "/edit/team/nightly", "/usage"])
@pytest.mark.usefixtures("full")
def test_texts_are_shown_and_never_taken_for_html(client: TestClient, path: str) -> None:
    assert "<script>alert" not in client.get(path).text
    assert "alert(1)" in checked(client, path).text


def test_why_a_step_was_skipped_is_no_alarm(client: TestClient, context: FakeContext) -> None:
    context.add_run(
        run("r9", step("a", status="skipped", attempts=[], error="not met today"), status="succeeded")
    )
    page = client.get("/runs/r9?step=a").text
    assert '<p class="soft">not met today</p>' in page
    assert 'class="alert"' not in page


def test_empty(client: TestClient, context: FakeContext) -> None:
    context.texts.clear()
    assert "No workflow is stored yet" in checked(client, "/").text
    assert "No runs" in checked(client, "/runs").text
    assert "No agent told" in checked(client, "/usage").text


@pytest.mark.parametrize("path", ["/nothing", "/runs/nobody", "/workflows/nobody", "/edit/nobody"])
def test_what_is_not_there(client: TestClient, path: str) -> None:
    assert "Not Found" in checked(client, path, 404).text


@pytest.mark.parametrize("query", ["offset=x", "offset=-1", "status=nope", "last=1y", "offset=" + "9" * 40])
def test_odd_queries(client: TestClient, query: str) -> None:
    checked(client, f"/runs?{query}")


@pytest.mark.usefixtures("full")
def test_a_run_offers_what_fits_its_state(client: TestClient) -> None:
    failed, running, interrupted = (client.get(f"/runs/r{number}").text for number in (1, 2, 3))
    assert 'data-again="retry"' in failed
    assert 'data-post="runs/r2/stop"' in running
    assert "data-again" not in running
    assert 'data-again="resume"' in interrupted


@pytest.mark.usefixtures("full")
def test_the_step_that_matters_is_shown_first(client: TestClient, context: FakeContext) -> None:
    def shown(path: str) -> str | None:
        found = re.search(r'id="step-panel"[^>]*data-step="([^"]*)"', client.get(path).text)
        return found and found[1]

    def steps(*states: str) -> None:
        each = [step(name, status=state) for name, state in zip("abc", states, strict=True)]
        each[2]["attempts"] = []
        context.add_run(run("r9", *each))

    steps("succeeded", "failed", "not_started")
    assert shown("/runs/r9") == "b"
    assert shown("/runs/r9?step=a") == "a"
    steps("running", "succeeded", "not_started")
    assert shown("/runs/r9") == "a"
    steps("succeeded", "succeeded", "not_started")
    assert shown("/runs/r9") == "b"
    assert shown("/runs/r9?step=nobody") == "b"
    context.add_run(run("r9"))
    checked(client, "/runs/r9")


def test_the_picture_of_a_run(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r9", step("a", status="failed"), step("b", 1, depends=["a"], status="not_started")))
    text = client.get("/runs/r9").text
    assert re.search(r'<a class="node bad chosen" href="/runs/r9\?step=a"', text)
    assert 'aria-label="b, not started"' in text
    assert len(re.findall(r"<path d=\"M[^\"]*\" class=\"bad\"", text)) == 1


def test_partial_texts_are_one_text(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.events = [
        {
            "id": at,
            "step": "a",
            "attempt": 1,
            "kind": "text",
            "at": BEGAN,
            "payload": {"text": text, "partial": at > 1},
        }
        for at, text in enumerate(("One ", "two ", "three."), 1)
    ]
    text = client.get("/runs/r1/agent?step=a&attempt=1").text
    assert text.count("<li") == 1
    assert "One two three." in text
    assert 'data-id="3"' in text
    later = client.get("/runs/r1/agent?after=2").text
    assert "data-partial" in later


def test_the_form_of_a_workflow(client: TestClient, full: FakeContext) -> None:
    text = client.get("/workflows/team/nightly").text
    assert re.search(r'<input[^>]*data-kind="integer"[^>]*type="number"[^>]*required[^>]*min="1"', text)
    assert re.search(r'<input type="checkbox"[^>]*data-kind="boolean" checked', text)
    assert "data-workflow=" not in client.get("/workflows/broken").text


def test_pages_of_runs(client: TestClient, context: FakeContext) -> None:
    for number in range(230):
        context.add_run(run(f"r{number:03}", started_at=BEGAN + number))
    first = client.get("/runs?workflow=hello").text
    assert "r229" in first
    assert "r129" not in first
    assert 'rel="next" href="/runs?workflow=hello&amp;offset=100"' in first
    last = client.get("/runs?workflow=hello&offset=200").text
    assert 'rel="next"' not in last
    assert 'rel="prev" href="/runs?workflow=hello&amp;offset=100"' in last


def test_below_a_path(tmp_path: Path, client_of: Callable[..., TestClient]) -> None:
    client = client_of(FakeContext(tmp_path, DAGU_BASE_PATH="/tools/dagu/"))
    assert client.get("/").status_code == 404
    text = client.get("/tools/dagu/").text
    links = re.findall(r'(?:href|src|action)="([^"#][^"]*)"', text)
    assert links
    assert all(link.startswith("/tools/dagu/") for link in links)
    for link in links:
        assert client.get(link).status_code == 200, link
    assert client.get("/tools/dagu/api/v1/workflows").status_code == 200
    assert client.get("/tools/dagu/api/v1/openapi.json").json()["servers"] == [{"url": "/tools/dagu/api/v1"}]
    assert client.get("/tools/dagu/healthz").status_code == 200
