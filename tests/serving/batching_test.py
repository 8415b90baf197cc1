import asyncio
import threading

import numpy as np
import pytest

from trash_keras.serving.batching import Batcher


def image(level):
    return np.full((2, 2, 3), level, np.uint8)


def run_batcher(predict_batch, work, max_batch=4, observe=lambda size: None):
    """Runs a batcher while `work`, a function of it, runs."""

    async def run():
        batcher = Batcher(predict_batch, max_batch, observe)
        running = asyncio.create_task(batcher.run())
        try:
            return await asyncio.wait_for(work(batcher), 20)
        finally:
            running.cancel()

    return asyncio.run(run())


def mean(images):
    return images.mean((1, 2, 3))[:, None]


def test_each_gets_its_own_prediction_in_batches_that_grow_with_the_load():
    sizes = []
    first, go_on = threading.Event(), threading.Event()

    def slow_first(images):
        if not first.is_set():
            first.set()
            assert go_on.wait(10)
        return mean(images)

    async def work(batcher):
        early = asyncio.create_task(batcher.predict(image(0)))
        while not first.is_set():
            await asyncio.sleep(0.001)
        late = [asyncio.create_task(batcher.predict(image(level))) for level in range(1, 11)]
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(early, *late)

    rows = run_batcher(slow_first, work, observe=sizes.append)
    assert [row.tolist() for row in rows] == [[level] for level in range(11)]
    assert sizes == [1, 4, 4, 2]


def test_a_cancelled_request_takes_no_place_in_a_batch():
    batches = []
    go_on = threading.Event()

    def remember(images):
        batches.append(images[:, 0, 0, 0].tolist())
        assert go_on.wait(10)
        return mean(images)

    async def work(batcher):
        tasks = [asyncio.create_task(batcher.predict(image(0)))]
        while not batches:
            await asyncio.sleep(0.001)
        tasks += [asyncio.create_task(batcher.predict(image(level))) for level in range(1, 7)]
        await asyncio.sleep(0)
        for task in (tasks[0], tasks[1], tasks[3]):
            task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    found = run_batcher(remember, work)
    assert batches == [[0], [2, 4, 5, 6]]
    assert [isinstance(one, asyncio.CancelledError) for one in found] == [
        True, True, False, True, False, False, False
    ]  # fmt: skip


def test_an_error_reaches_those_of_its_batch_alone():
    def fail_on_nine(images):
        if 9 in images:
            raise RuntimeError("nine")
        return mean(images)

    async def work(batcher):
        with pytest.raises(RuntimeError, match="nine"):
            await batcher.predict(image(9))
        return await batcher.predict(image(5))

    assert run_batcher(fail_on_nine, work).tolist() == [5]
