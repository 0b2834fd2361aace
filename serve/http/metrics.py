"""What the server counts, in the form that Prometheus collects."""

import dataclasses

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)


@dataclasses.dataclass(frozen=True)
class Metrics:
    """Safe to share between threads.

    Attributes:
        requests: by route and status.
        seconds: of whole requests, by route.
        first_token: seconds until the first piece of a text.
        texts: being written or waiting now; slots: how many are written at a time.
        prompt_tokens, written_tokens, scored_tokens: of texts that are finished.
        refused: requests refused since too much waits.
        cancelled: texts that were ended before their end, mostly since the client left.
        malformed_calls: calls of tools that a model wrote and that are none.
    """

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram
    first_token: Histogram
    texts: Gauge
    slots: Gauge
    prompt_tokens: Counter
    written_tokens: Counter
    scored_tokens: Counter
    refused: Counter
    cancelled: Counter
    malformed_calls: Counter

    def page(self) -> bytes:
        return prometheus_client.generate_latest(self.registry)


def new_metrics() -> Metrics:
    """All at zero, in a registry of their own."""
    registry = CollectorRegistry()

    def counter(name: str, about: str, *labels: str) -> Counter:
        return Counter(f"primer_{name}", about, labels, registry=registry)

    def histogram(name: str, about: str, *labels: str) -> Histogram:
        return Histogram(f"primer_{name}", about, labels, registry=registry, buckets=_SECONDS)

    return Metrics(
        registry,
        requests=counter("requests", "Requests answered", "route", "status"),
        seconds=histogram("request_seconds", "Seconds of a request", "route"),
        first_token=histogram("first_token_seconds", "Seconds until a text begins"),
        texts=Gauge("primer_texts", "Texts being written or waiting", registry=registry),
        slots=Gauge("primer_slots", "Texts that are written at a time", registry=registry),
        prompt_tokens=counter("prompt_tokens", "Tokens of prompts of finished texts"),
        written_tokens=counter("written_tokens", "Tokens written in finished texts"),
        scored_tokens=counter("scored_tokens", "Tokens scored"),
        refused=counter("refused", "Requests refused because too many texts wait"),
        cancelled=counter("cancelled", "Texts ended before their end"),
        malformed_calls=counter("malformed_calls", "Calls of tools that were none"),
    )
