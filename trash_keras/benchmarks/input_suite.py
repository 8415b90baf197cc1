"""The input: from files to augmented batches, beside what a user of Keras or PyTorch writes.

One epoch is all images of a folder: the training split augmented, the others as they are. `cold`
begins with nothing but the files, and holds all that comes before the first step: listing,
looking whether images can be decoded, splitting, tracing; the packages are imported already.
`warm` is a later epoch of training images alone. The files themselves are in the system's memory.
"""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trash_keras.benchmarks import images
from trash_keras.benchmarks.settings import Settings
from trash_keras.benchmarks.turns import Case, Contender, Metric

IMAGES_OF_12_MEGAPIXELS = 96  # with a third of them, tracing takes as long as the images
RATE = Metric("images_per_second", "", "images/s", more_is_better=True)
MEMORY = Metric("memory_mb", "peak memory", "MB")
TORCH = ("torch", "torchvision")


def cases(settings: Settings) -> Iterator[Case]:
    """Yields the cases: cold and warm, small and large sources, each number of cores, growth."""
    folder = settings.data_dir or str(
        images.write(settings.folder / "s", settings.images, images.SMALL)
    )
    name = Path(folder).name if settings.data_dir else "512x384"
    large = images.write(settings.folder / "l", IMAGES_OF_12_MEGAPIXELS, images.LARGE)
    for cores in settings.cores:
        yield _case("cold", name, folder, cores)
        yield _case("cold", "12 megapixels", str(large), cores)
        yield _case("warm", name, folder, cores)
    if settings.growth > 1:
        yield _growth(settings)


def _case(kind: str, name: str, folder: str, cores: int) -> Case:
    def contender(title: str, function: str, needs: tuple[str, ...] = ()) -> Contender:
        return Contender(title, function, {"data_dir": folder}, needs, cores, kind == "cold")

    peers = [
        contender("image_dataset_from_directory + Keras layers", f"input_peers:keras_{kind}"),
        contender("torchvision ImageFolder + DataLoader", f"input_peers:torch_{kind}", TORCH),
    ]
    if kind == "cold":
        peers.append(contender("limit: decoding alone (Pillow, threads)", "input_peers:decode"))
    title = f"{kind}, {name}, {cores} core{'s' if cores > 1 else ''}"
    ours = (contender("trash_keras", f"input_ours:{kind}"),)
    return Case("input", title, ours, tuple(peers), (RATE, MEMORY))


def _growth(settings: Settings) -> Case:
    """Streaming: nothing is kept in memory, so each image is decoded as it is wanted."""
    counts = settings.images, settings.images * settings.growth
    write = functools.partial(images.write, size=images.SMALL)
    folders = [str(write(settings.folder / f"growth{count}", count)) for count in counts]
    fewer, more = (
        Contender(
            f"{count} images",
            "input_ours:cold",
            {"data_dir": folder, "cache_megabytes": 0},
            fresh=True,
        )
        for count, folder in zip(counts, folders, strict=True)
    )
    peer = dataclasses.replace(fewer, name=f"trash_keras, {fewer.name}")
    return Case("input", f"cold, streaming, {more.name}", (more,), (peer,), (RATE, MEMORY))


def figures(count: int, seconds: float) -> dict[str, Any]:
    """Returns the figures of an epoch, with the peak memory of this process so far."""
    from trash_keras.evaluation import workers

    return {
        "images_per_second": count / seconds,
        "memory_mb": workers.peak_memory() / 1e6,
    }
