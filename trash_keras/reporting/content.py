"""What a report shows besides its numbers: predictions, images, epochs and heat maps."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from trash_keras.data.decoding import ReadImages
from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting.plots.saliency_maps import HeatMaps


@dataclasses.dataclass(frozen=True)
class ReportContent:
    """The predictions of a model, and what figures and page show beside them.

    Attributes:
        predictions: Split -> what the model predicted.
        counts: Split -> class name -> images.
        read_images: Files -> their encoded bytes, for the thumbnails. An image that is missing or
            cannot be decoded is shown as a grey rectangle.
        epochs: Rows of metrics.csv for the learning curves; empty leaves them out.
        heat_maps: Of the top errors of the main split; None for a model without heat maps.
    """

    predictions: Mapping[str, Predictions]
    counts: Mapping[str, Mapping[str, int]]
    read_images: ReadImages
    epochs: Sequence[Mapping[str, Any]] = ()
    heat_maps: HeatMaps | None = None
