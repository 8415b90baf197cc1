"""How long a training step of each preset takes here, and so how long its fine-tuning would.

python -m tools.step_time [--batch_size=8] [--rounds=3] [--image_size=256] PRESET PRESET...

Each preset's classifier, with random weights, in the state that its fine-tuning trains it in, on a
constant batch. They take turns, each in a process of its own, so that the ratios to the first hold
on a busy machine, too. A small batch bounds the memory; seconds are per image, so that batch sizes
compare. Prints a table.
"""

import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from absl import flags

from trash_keras.cli import launch
from trash_keras.config import Config
from trash_keras.reporting import markdown

HEADING = ["preset", "ms an image", "ratio", "lowest to highest ratio", "fine-tuning", "memory"]


def _serve(connection: Connection, preset: str, batch_size: int, image_size: int) -> None:
    """Says the epochs of fine-tuning; then trains a step, and says its seconds and peak memory."""
    with launch.quiet_imports():
        import keras
        import numpy as np

        from trash_keras.models import classifier
        from trash_keras.training import stages

    config = Config.make(preset=preset, weights="none", image_size=image_size)
    class_names = [str(number) for number in range(6)]
    model = classifier.create(config.model, class_names, image_size)
    classifier.unfreeze(model, config.training.unfreeze_fraction)
    model.compile("adamw", keras.losses.CategoricalCrossentropy())
    generator = np.random.default_rng(0)
    images = generator.uniform(0, 255, (batch_size, image_size, image_size, 3)).astype("float32")
    labels = np.eye(6, dtype="float32")[generator.integers(6, size=batch_size)]
    model.train_on_batch(images, labels)  # traces it
    phase = stages.plan(config.training, config.model)[-1]
    connection.send(phase.last_epoch - phase.first_epoch)
    while connection.recv():
        started = time.perf_counter()
        model.train_on_batch(images, labels)
        seconds = time.perf_counter() - started
        connection.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def measure(
    presets: Sequence[str], batch_size: int, image_size: int, rounds: int
) -> list[tuple[int, list[float], int]]:
    """Times training steps of presets in turn.

    Args:
        presets: Names.
        batch_size: Images of a step.
        image_size: Height and width of the images, pixels.
        rounds: Steps of each.

    Returns:
        For each preset the epochs of its fine-tuning, the seconds of each step, and the peak
        memory of its process, bytes.
    """
    context = multiprocessing.get_context("spawn")
    connections, epochs = [], []
    for preset in presets:
        ours, theirs = context.Pipe()
        context.Process(
            target=_serve, args=(theirs, preset, batch_size, image_size), daemon=True
        ).start()
        theirs.close()
        connections.append(ours)
        epochs.append(ours.recv())
        print(f"{preset} is ready", flush=True)
    seconds: list[list[float]] = [[] for _ in presets]
    memory = [0] * len(presets)
    for _ in range(rounds):
        for number, connection in enumerate(connections):
            connection.send(True)
            step, memory[number] = connection.recv()
            seconds[number].append(step)
    for connection in connections:
        connection.send(False)
    return list(zip(epochs, seconds, memory, strict=True))


def main(presets: Sequence[str]) -> None:
    """Prints what `measure` finds."""
    if not presets:
        raise ValueError("Name at least one preset: python -m tools.step_time best resnet50")
    for preset in presets:
        Config.make(preset=preset)  # names what there is, before anything is built
    batch_size = BATCH_SIZE.value
    found = measure(presets, batch_size, IMAGE_SIZE.value, ROUNDS.value)
    first, rows = found[0][1], []
    for preset, (epochs, seconds, memory) in zip(presets, found, strict=True):
        image = statistics.median(seconds) / batch_size
        ratios = [step / other for step, other in zip(seconds, first, strict=True)]
        rows.append(
            [
                preset, f"{1000 * image:.0f}", f"{statistics.median(ratios):.1f}",
                f"{min(ratios):.1f} to {max(ratios):.1f}",
                f"{image * IMAGES.value * epochs / 60:.0f} minutes", f"{memory / 1e9:.1f} GB",
            ]
        )  # fmt: skip
    print(markdown.table(HEADING, rows))


if __name__ == "__main__":
    # Not when a test imports the rest: flags are one name space for all tools and verbs.
    BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "Images of a step.", 1)
    ROUNDS = flags.DEFINE_integer("rounds", 3, "Steps that each preset is timed for.", 1)
    IMAGE_SIZE = flags.DEFINE_integer(
        "image_size", 256, "Height and width of the images, pixels.", 32
    )
    IMAGES = flags.DEFINE_integer("images", 1768, "Training images of an epoch (TrashNet's).", 1)
    launch.run(sys.modules[__name__])
