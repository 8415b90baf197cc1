"""Dynamic batching: images of many requests -> batches for the model."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from trash_keras.predictor import PredictBatch


class Batcher:
    """Predictions image by image, while the model sees them in batches.

    Whenever the model is free it takes all images that wait, up to a limit. So batches grow
    with the load, and no image waits for a batch to fill.
    """

    def __init__(
        self,
        predict_batch: PredictBatch,
        max_batch: int,
        observe: Callable[[int], object] = lambda size: None,
    ):
        """Takes the model.

        Args:
            predict_batch: Called by one thread at a time.
            max_batch: Most images that it gets at once.
            observe: Is told the size of each batch.
        """
        self._predict_batch, self._max_batch, self._observe = predict_batch, max_batch, observe
        self._waiting: asyncio.Queue[tuple[np.ndarray, asyncio.Future]] = asyncio.Queue()

    async def predict(self, image: np.ndarray) -> np.ndarray:
        """Classifies an image while `run` runs; uint8 [side, side, 3] -> float32 [classes]."""
        prediction = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((image, prediction))
        return await prediction

    async def run(self) -> None:
        """Classifies images as they come, until it is cancelled."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, "model") as thread:
            while True:
                batch = await self._next_batch()
                images = np.stack([image for image, _ in batch]).astype(np.float32)
                self._observe(len(batch))
                try:
                    rows = await loop.run_in_executor(thread, self._predict_batch, images)
                except Exception as error:  # of any runtime; these requests fail, later ones go on
                    for _, prediction in batch:
                        if not prediction.done():
                            prediction.set_exception(error)
                    continue
                for (_, prediction), row in zip(batch, rows, strict=True):
                    if not prediction.done():
                        prediction.set_result(row)

    async def _next_batch(self) -> list[tuple[np.ndarray, asyncio.Future]]:
        batch: list[tuple[np.ndarray, asyncio.Future]] = []
        while not batch or (len(batch) < self._max_batch and not self._waiting.empty()):
            image, prediction = await self._waiting.get()
            if not prediction.done():  # done: the client went away, or time ran out
                batch.append((image, prediction))
        return batch
