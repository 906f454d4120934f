"""What Prometheus may ask: requests, examples, the engine's own numbers; never a task's name.

A label takes few values, and tasks are many: their numbers are at /v1/tasks/{task}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.types import Scope

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNSEEN = {"/livez", "/readyz", "/metrics"}  # asked all day long by machines


class Metrics:
    """One registry of one service; `text` is what /metrics answers."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = 0
        # Labels take few values, so each combination is looked up once.
        self._requests = cache(
            Counter(
                "kindred_http_requests",
                "Requests answered",
                ["method", "route", "status"],
                registry=self.registry,
            ).labels
        )
        self._seconds = cache(
            Histogram(
                "kindred_http_request_duration_seconds",
                "Time to answer",
                ["route"],
                registry=self.registry,
                buckets=BUCKETS,
            ).labels
        )
        self._rejected = Counter(
            "kindred_rejected",
            "Requests and examples refused, by the code of the problem",
            ["reason"],
            registry=self.registry,
        ).labels
        self._examples = {}
        for verb in ("learn", "predict"):
            counter = Counter(
                f"kindred_{verb}", f"Examples to {verb}", ["result"], registry=self.registry
            )
            self._examples[verb] = counter.labels("ok"), counter.labels("refused")
        Gauge(
            "kindred_http_requests_in_flight", "Requests being answered", registry=self.registry
        ).set_function(lambda: self.in_flight)
        Info("kindred_build", "What runs", registry=self.registry).info({"version": version})
        ProcessCollector(registry=self.registry)
        self._engine = _Engine()
        self.registry.register(self._engine)

    def answered(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        """Count a request; a path that is no route has the route `none`."""
        if route not in UNSEEN:
            self._requests(scope["method"], route, status).inc()
            self._seconds(route).observe(seconds)

    def examples(self, verb: str, ok: int, refused: Mapping[str, int]) -> None:
        """Count examples of a request: the good ones, and by code those refused."""
        good, bad = self._examples[verb]
        good.inc(ok)
        for code, n in refused.items():
            bad.inc(n)
            self._rejected(code).inc(n)

    def text(self, accept: str, engine: Mapping[str, float]) -> tuple[bytes, str]:
        """The exposition, and its content type: OpenMetrics where `accept` asks for it.

        `engine` are its `stats`, empty while there is none.
        """
        self._engine.stats = engine
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type


class _Engine(Collector):
    """The engine's `stats`."""

    def __init__(self) -> None:
        self.stats: Mapping[str, float] = {}

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "kindred_ready", "1 once recovery is over", value=float(bool(self.stats))
        )
        for name, value in self.stats.items():
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield kind(f"kindred_{name}", f"Engine: {name.replace('_', ' ')}", value=float(value))
