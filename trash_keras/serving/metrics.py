"""Metrics of the service for Prometheus."""

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """Counters of one service, whose names start with `trash_keras_`.

    Attributes:
        requests: Requests to classify, by HTTP status.
        seconds: From the first byte of a request to the response.
        images: Classified images by label, `unsure` among them: a change in their shares shows
            that the incoming images differ from those of training (drift).
        batches: Images in each batch of the model.
    """

    def __init__(self, under_way: Callable[[], int]):
        """Starts at zero.

        Args:
            under_way: Returns how many requests are under way.
        """
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "trash_keras_requests", "Requests.", ["status"], registry=self._registry
        )
        self.seconds = Histogram(
            "trash_keras_request_seconds", "Time to a prediction.", registry=self._registry
        )
        self.images = Counter(
            "trash_keras_images", "Classified images.", ["label"], registry=self._registry
        )
        self.batches = Histogram(
            "trash_keras_batch_images", "Images in a batch of the model.",
            buckets=(1, 2, 4, 8, 16, 32, 64), registry=self._registry,
        )  # fmt: skip
        gauge = Gauge(
            "trash_keras_requests_under_way", "Requests under way.", registry=self._registry
        )
        gauge.set_function(under_way)

    def text(self) -> bytes:
        """Returns all of them in Prometheus' text format."""
        return generate_latest(self._registry)
