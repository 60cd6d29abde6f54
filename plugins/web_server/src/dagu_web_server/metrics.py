"""Metrics for Prometheus."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dagu.contracts.service import RunFilter
from dagu_web_server.parts import Parts
from dagu_web_server.states import STATES

_AREAS = ("api", "static")


class Metrics:
    """The metrics of one server. What dagu knows is read when it is asked for."""

    def __init__(self, parts: Parts) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_State(parts))
        ProcessCollector(registry=self._registry)
        self._requests = Histogram(
            "dagu_http_request_seconds",
            "Time until a request was answered, streams left out.",
            ("area", "method", "status"),
            registry=self._registry,
        )

    def render(self, accept: str) -> tuple[bytes, str]:
        """All metrics, and their content type, in a format that the caller accepts."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def observe(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request."""
        first = scope["path"].lstrip("/").partition("/")[0]
        area = first if first in _AREAS else "page"
        method = scope["method"] if scope["method"] in ("GET", "POST", "PUT", "PATCH", "DELETE") else "other"
        self._requests.labels(area, method, str(status)).observe(seconds)


class Counting:
    """Counts requests. A stream's length says nothing about the server."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, stream = time.perf_counter(), 500, False

        async def seen(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                status = message["status"]
                stream = any(value.startswith(b"text/event-stream") for _, value in message["headers"])
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            if not stream:
                self._metrics.observe(scope, status, time.perf_counter() - began)


class _State(Collector):
    """What the service context tells."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def collect(self) -> Iterable[Metric]:
        context = self._parts.context
        version = importlib.metadata.version("dagu-web-server")
        yield InfoMetricFamily("dagu_build", "Version.", value={"version": version})
        runs = GaugeMetricFamily("dagu_runs", "Runs in history, children left out.", labels=["status"])
        for status in STATES:
            runs.add_metric([status], context.count(RunFilter(status=(status,))))
        yield runs
        scheduler = context.scheduler()
        yield GaugeMetricFamily(
            "dagu_scheduler_running", "Whether the scheduler runs.", value=bool(scheduler["running"])
        )
        queues = GaugeMetricFamily("dagu_queue_runs", "Runs of a queue.", labels=["queue", "state"])
        for queue in scheduler.get("queues", ()):
            for what in ("queued", "running"):
                queues.add_metric([queue["name"], what], queue[what])
        yield queues
        yield GaugeMetricFamily("dagu_event_streams", "Open event streams.", value=len(self._parts.feeds))
        yield from self._spent()

    def _spent(self) -> Iterable[Metric]:
        labels = ["workflow", "provider", "model"]
        tokens = GaugeMetricFamily(
            "dagu_agent_tokens", "Tokens spent, of the attempts in history.", labels=[*labels, "kind"]
        )
        cost = GaugeMetricFamily("dagu_agent_cost_usd", "What was spent, where agents tell.", labels=labels)
        for entry in self._parts.context.usage():
            names = [str(entry[label]) for label in labels]
            for kind in ("input", "cached", "output"):
                tokens.add_metric([*names, kind], entry[kind])
            if entry["cost_usd"] is not None:
                cost.add_metric(names, entry["cost_usd"])
        yield tokens
        yield cost
