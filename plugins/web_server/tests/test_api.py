"""The REST API."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from web_fakes import BEGAN, MISTAKE, FakeContext, attempt, run, step

from dagu.errors import DaguError, EngineUnreachable, PluginError, PolicyRefused, Problem, WorkflowInvalid

API = "/api/v1"


# Workflows


def test_workflows_are_listed_and_read(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.infos["hello"] = {"tags": ("a",), "params_schema": {"type": "object"}, "next_run": BEGAN}
    listed = client.get(f"{API}/workflows").json()
    assert [each["name"] for each in listed] == ["hello"]
    assert listed[0]["recent"][0]["run_id"] == "r1"
    assert "text" not in listed[0]
    read = client.get(f"{API}/workflows/hello")
    assert read.json()["text"] == "steps: []\n"
    assert read.json()["params_schema"] == {"type": "object"}
    assert read.headers["ETag"]


def test_names_may_have_slashes(client: TestClient, context: FakeContext) -> None:
    saved = client.put(f"{API}/workflows/team/a/nightly", json={"text": "steps: []"})
    assert saved.status_code == 200
    assert context.texts["team/a/nightly"] == "steps: []"
    assert client.get(f"{API}/workflows/team%2Fa%2Fnightly").json()["name"] == "team/a/nightly"


def test_a_workflow_with_mistakes_is_not_saved(client: TestClient, context: FakeContext) -> None:
    answer = client.put(f"{API}/workflows/hello", json={"text": "wrong"})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["mistakes"] == [MISTAKE]
    assert context.texts["hello"] == "steps: []\n"
    assert client.put(f"{API}/workflows/..%2f..%2fetc", json={"text": ""}).status_code == 422


def test_two_who_edit_at_once(client: TestClient, context: FakeContext) -> None:
    tag = client.get(f"{API}/workflows/hello").headers["ETag"]
    mine = client.put(f"{API}/workflows/hello", json={"text": "a"}, headers={"If-Match": tag})
    assert mine.status_code == 200
    assert mine.json()["etag"] == client.get(f"{API}/workflows/hello").headers["ETag"]
    theirs = client.put(f"{API}/workflows/hello", json={"text": "b"}, headers={"If-Match": tag})
    assert theirs.status_code == 412
    new = {"If-None-Match": "*"}
    assert client.put(f"{API}/workflows/hello", json={"text": "b"}, headers=new).status_code == 412
    assert client.put(f"{API}/workflows/fresh", json={"text": "b"}, headers=new).status_code == 200
    assert (
        client.put(f"{API}/workflows/gone", json={"text": "b"}, headers={"If-Match": "*"}).status_code == 412
    )
    assert context.texts == {"hello": "a", "fresh": "b"}


def test_validate_suspend_delete(client: TestClient, context: FakeContext) -> None:
    assert client.post(f"{API}/validate", json={"text": "wrong"}).json() == {"mistakes": [MISTAKE]}
    assert client.post(f"{API}/validate", json={"text": "right"}).json() == {"mistakes": []}
    assert client.patch(f"{API}/workflows/hello", json={"suspended": True}).json()["suspended"] is True
    assert client.delete(f"{API}/workflows/hello").status_code == 204
    assert not context.texts


@pytest.mark.parametrize(
    ("method", "body"), [("GET", None), ("DELETE", None), ("PATCH", {"suspended": True})]
)
def test_workflows_that_are_not_there(client: TestClient, method: str, body: object) -> None:
    answer = client.request(method, f"{API}/workflows/nobody", json=body)
    assert answer.status_code == 404
    assert answer.json() == {
        "title": "Not Found",
        "status": 404,
        "detail": "no workflow 'nobody'",
        "hint": "list them",
    }


# Runs


def test_starting_and_queueing(client: TestClient, context: FakeContext) -> None:
    answer = client.post(f"{API}/runs", json={"workflow": "hello", "params": {"a": [1, "x"]}})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"{API}/runs/{answer.json()['run_id']}"
    client.post(f"{API}/runs", json={"workflow": "hello", "run_id": "mine", "enqueue": True})
    client.post(f"{API}/runs", json={"workflow": "hello", "params": "a=1", "queue": "slow"})
    assert context.asked == [
        ("start", "hello", {"a": [1, "x"]}),
        ("enqueue", "hello", None, ""),
        ("enqueue", "hello", "a=1", "slow"),
    ]
    assert "mine" in context.history


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"workflow": ""},
        {"workflow": "hello", "run_id": "../x"},
        {"workflow": "hello", "parms": {}},
        {"workflow": "hello", "params": 7},
        {"workflow": "nobody"},
        [],
        "text",
    ],
)
def test_what_can_not_be_started(client: TestClient, context: FakeContext, body: object) -> None:
    answer = client.post(f"{API}/runs", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert not context.asked


def test_listing_runs(client: TestClient, context: FakeContext) -> None:
    for number in range(5):
        state = "failed" if number % 2 else "succeeded"
        context.add_run(run(f"r{number}", status=state, started_at=BEGAN + number))
    page = client.get(f"{API}/runs", params={"limit": 2, "offset": 1}).json()
    assert [each["run_id"] for each in page["runs"]] == ["r3", "r2"]
    assert (page["total"], page["limit"], page["offset"]) == (5, 2, 1)
    assert "steps" not in page["runs"][0]
    assert client.get(f"{API}/runs", params={"status": ["failed", "aborted"]}).json()["total"] == 2
    assert client.get(f"{API}/runs", params={"since": BEGAN + 3, "until": BEGAN + 4}).json()["total"] == 1
    assert client.get(f"{API}/runs", params={"run_id": "4", "workflow": "hello"}).json()["total"] == 1
    for wrong in ({"limit": 0}, {"limit": 9999}, {"offset": -1}, {"since": "x"}, {"since": "inf"}):
        assert client.get(f"{API}/runs", params=wrong).status_code == 422


def test_a_run_with_its_steps(client: TestClient, context: FakeContext) -> None:
    usage = {"input": 5, "cached": 1, "output": 2, "cost_usd": 0.5}
    context.add_run(run("r1", step("a"), step("b", 1, depends=["a"], attempts=[attempt(usage=usage)])))
    read = client.get(f"{API}/runs/r1").json()
    assert [each["name"] for each in read["steps"]] == ["a", "b"]
    assert read["steps"][1]["attempts"][0]["usage"] == usage
    assert client.get(f"{API}/runs/r1/steps").json() == read["steps"]
    assert client.get(f"{API}/runs/none").status_code == 404
    assert client.get(f"{API}/runs/no.id").status_code == 422


def test_stop_retry_resume(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"), run("r2", status="running"))
    for action in ("stop", "retry", "resume"):
        assert client.post(f"{API}/runs/r1/{action}").status_code == 202
        assert client.post(f"{API}/runs/none/{action}").status_code == 404
    assert context.asked == [("stop", "r1"), ("retry", "r1"), ("resume", "r1")]
    early = client.post(f"{API}/runs/r2/retry")
    assert early.status_code == 409
    assert early.json()["detail"] == "run r2 has not ended"


# Outputs


def test_an_output_and_its_ranges(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.write("r1", "a", b"0123456789")
    url = f"{API}/runs/r1/log?step=a"
    whole = client.get(url)
    assert whole.content == b"0123456789"
    assert whole.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert whole.headers["Accept-Ranges"] == "bytes"
    for wanted, content, shown in (
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ):
        part = client.get(url, headers={"Range": wanted})
        assert (part.status_code, part.content) == (206, content)
        assert part.headers["Content-Range"] == shown
    for beyond in ("bytes=10-", "bytes=-0", "bytes=5-4"):
        part = client.get(url, headers={"Range": beyond})
        assert part.status_code == 416
        assert part.headers["Content-Range"] == "bytes */10"
    for other in ("lines=1-2", "bytes=1-2,4-5", "bytes=-", "bytes=x-y"):
        assert client.get(url, headers={"Range": other}).content == b"0123456789"


def test_outputs_that_are_not_there(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"))
    assert client.get(f"{API}/runs/r1/log?step=a").status_code == 404
    assert client.get(f"{API}/runs/none/log?step=a").status_code == 404
    assert client.get(f"{API}/runs/r1/log/lines?step=a").json()["total"] == 0
    for query in ("", "step=", "step=a&attempt=0", "step=a&stream=../x"):
        assert client.get(f"{API}/runs/r1/log?{query}").status_code == 422


def test_lines_and_search(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.write("r1", "a b/c", "".join(f"line {number}\n" for number in range(300)).encode(), "stderr")
    where = {"step": "a b/c", "stream": "stderr"}
    lines = client.get(f"{API}/runs/r1/log/lines", params={**where, "start": 298, "count": 5}).json()
    assert lines == {"start": 298, "total": 300, "size": 2590, "lines": ["line 298", "line 299"], "cut": []}
    tail = client.get(f"{API}/runs/r1/log/lines", params={**where, "start": -1}).json()
    assert tail["lines"] == ["line 299"]
    found = client.get(f"{API}/runs/r1/log/search", params={**where, "text": "LINE 29", "start": 30}).json()
    assert found == {"lines": list(range(290, 300)), "more": False}


def test_agent_events(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"))
    context.events = [
        {"id": at, "step": "a", "attempt": 1, "kind": "text", "payload": f'{{"text": "t{at}"}}', "at": BEGAN}
        for at in (1, 2)
    ]
    found = client.get(f"{API}/runs/r1/agent-events", params={"after": 1}).json()
    assert found == [
        {"id": 2, "step": "a", "attempt": 1, "kind": "text", "payload": {"text": "t2"}, "at": BEGAN}
    ]


# The rest


def test_the_system(client: TestClient, context: FakeContext) -> None:
    assert [each["state"] for each in client.get(f"{API}/plugins").json()] == ["active", "set aside"]
    assert [each["ok"] for each in client.get(f"{API}/runtimes").json()] == [True, False]
    assert client.get(f"{API}/scheduler").json()["queues"][0]["queued"] == 2
    context.spent = [
        {
            "workflow": "w",
            "provider": "p",
            "model": "m",
            "attempts": 1,
            "input": 9,
            "cached": 0,
            "output": 3,
            "cost_usd": 0.25,
        }
    ]
    assert client.get(f"{API}/usage?since=1").json()[0]["cost_usd"] == 0.25


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DaguError("the disk is full", hint="make room"), 503),
        (EngineUnreachable("no engine"), 502),
        (PluginError("plugin x failed"), 502),
        (PolicyRefused("not allowed"), 403),
        (WorkflowInvalid([Problem("f", 3, 4, "bad")]), 422),
    ],
)
def test_errors_of_core(client: TestClient, context: FakeContext, error: DaguError, status: int) -> None:
    context.failure = error
    answer = client.get(f"{API}/runs/r1")
    assert answer.status_code == status
    assert answer.json()["detail"] == error.message
    page = client.get("/runs/r1")
    assert page.status_code == status
    assert "<h1>" in page.text


def test_problems_of_routing(client: TestClient) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/runs", 405), ("POST", "/runs", 422)):
        answer = client.request(method, API + path)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_the_description(client: TestClient) -> None:
    schema = client.get(f"{API}/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    assert schema["servers"] == [{"url": "/api/v1"}]
    operations = [each for path in schema["paths"].values() for each in path.values()]
    names = [each["operationId"] for each in operations]
    assert len(set(names)) == len(names) >= 20
    assert all(each["summary"] and each["description"] for each in operations)
    assert all("default" in each["responses"] for each in operations)
    assert "HTTPValidationError" not in str(schema)


def test_metrics(client: TestClient, context: FakeContext) -> None:
    context.add_run(run("r1"), run("r2", status="failed"))
    context.spent = [
        {
            "workflow": "w",
            "provider": "p",
            "model": "m",
            "attempts": 1,
            "input": 9,
            "cached": 0,
            "output": 3,
            "cost_usd": None,
        }
    ]
    client.get(f"{API}/runs")
    text = client.get("/metrics").text
    for line in (
        'dagu_runs{status="failed"} 1.0',
        "dagu_scheduler_running 1.0",
        'dagu_queue_runs{queue="slow",state="queued"} 2.0',
        'dagu_agent_tokens{kind="output",model="m",provider="p",workflow="w"} 3.0',
        'dagu_http_request_seconds_count{area="api",method="GET",status="200"} 1.0',
    ):
        assert line in text
    assert "process_resident_memory_bytes" in text


def test_health(client: TestClient, context: FakeContext) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").status_code == 200
    context.failure = DaguError("disk full")
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
