"""How long a training step of each preset takes here, and so how long its fine-tuning would.

python -m tools.step_time [--batch_size=8] [--rounds=3] [--image_size=256] PRESET PRESET...

Each preset's classifier, with random weights, in the state that its fine-tuning trains it in, on a
constant batch. They take turns, each in a process of its own, so that the ratios to the first hold
on a busy machine, too. A small batch bounds the memory; seconds are per image, so that batch sizes
compare. Prints a table.
"""

import statistics
import sys
from collections.abc import Sequence

from absl import flags

from trash_keras.benchmarks import turns
from trash_keras.benchmarks.turns import Case, Contender
from trash_keras.cli import launch
from trash_keras.config import Config
from trash_keras.reporting import markdown

HEADING = ["preset", "ms an image", "ratio", "lowest to highest ratio", "fine-tuning", "memory"]


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

    Raises:
        ValueError: One of them cannot be trained.
    """
    size = {"image_size": image_size, "batch_size": batch_size}
    ours = tuple(
        Contender(preset, "train_ours:step_of_preset", {"preset": preset, **size})
        for preset in presets
    )
    found = turns.measure(Case("train", "steps of presets", ours, (), ()), rounds)
    for preset, why in found.not_run.items():
        raise ValueError(f"{preset}: {why}")
    return [
        (
            Config.make(preset=preset).training.finetune_epochs,
            [batch_size / figures["images_per_second"] for figures in found.figures[preset]],
            round(1e6 * found.figures[preset][-1]["memory_mb"]),
        )
        for preset in presets
    ]


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
