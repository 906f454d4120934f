"""What Prometheus may ask: requests, examples, the engine's own numbers; never a task's name.

A label takes few values, and tasks are many: their numbers are at /v1/tasks/{task}.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate, product

from prometheus_client import CollectorRegistry, Counter, Gauge, Info
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
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
        self._requests = _Requests()
        self.registry.register(self._requests)
        self._rejected = Counter(
            "kindred_rejected",
            "Requests and examples refused, by the code of the problem",
            ["reason"],
            registry=self.registry,
        ).labels
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
            self._requests.answered[scope["method"], route, status] += 1
            self._requests.seconds[route].add(seconds)

    def examples(self, verb: str, ok: int, refused: Mapping[str, int]) -> None:
        """Count examples of a request: the good ones, and by code those refused."""
        examples = self._requests.examples
        examples[verb, "ok"] += ok
        for code, n in refused.items():
            examples[verb, "refused"] += n
            self._rejected(code).inc(n)

    def text(self, accept: str, engine: Mapping[str, float]) -> tuple[bytes, str]:
        """The exposition, and its content type: OpenMetrics where `accept` asks for it.

        `engine` are its `stats`, empty while there is none.
        """
        self._engine.stats = engine
        encoder, content_type = choose_encoder(accept)
        return encoder(self.registry), content_type


class _Seconds:
    """How long the requests of one route took, as a histogram."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)  # the last: longer than all bounds
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.sum += seconds


class _Requests(Collector):
    """Counts by the event loop alone, so without locks: these took a tenth of a short request."""

    def __init__(self) -> None:
        self.answered: Counts[tuple[str, str, int]] = Counts()  # by method, route, status
        self.seconds: defaultdict[str, _Seconds] = defaultdict(_Seconds)  # by route
        results = product(("learn", "predict"), ("ok", "refused"))
        self.examples: Counts[tuple[str, str]] = Counts(dict.fromkeys(results, 0))

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "kindred_http_requests", "Requests answered", labels=["method", "route", "status"]
        )
        for (method, route, status), n in self.answered.items():
            requests.add_metric([method, route, str(status)], n)
        yield requests
        durations = HistogramMetricFamily(
            "kindred_http_request_duration_seconds", "Time to answer", labels=["route"]
        )
        for route, seconds in self.seconds.items():
            reached = zip((*BUCKETS, math.inf), accumulate(seconds.counts), strict=True)
            buckets = [(str(bound).replace("inf", "+Inf"), float(n)) for bound, n in reached]
            durations.add_metric([route], buckets, seconds.sum)
        yield durations
        for verb in ("learn", "predict"):
            family = CounterMetricFamily(
                f"kindred_{verb}", f"Examples to {verb}", labels=["result"]
            )
            for result in ("ok", "refused"):
                family.add_metric([result], self.examples[verb, result])
            yield family


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
