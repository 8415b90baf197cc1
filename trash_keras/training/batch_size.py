"""`--batch_size=auto`: the largest usual batch whose training step fits into memory.

Each is tried in a process of its own, since a system without memory ends a process rather than to
raise an error. The search goes down from 32, for which the learning rates were found, to 1.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from trash_keras.config import AUTO, Config, load
from trash_keras.host import cluster
from trash_keras.models import classifier, keras_settings
from trash_keras.storage import local
from trash_keras.training import devices, features, stages
from trash_keras.training.run import open_devices

SIZES = (32, 16, 8, 4, 2, 1)
SECONDS = 900.0  # for one of them; weights may be downloaded
NO_MEMORY = 3  # exit status
STEPS = 2


def resolved(config: Config, workdir: Path) -> Config:
    """Returns the configuration with a batch size in place of `auto`.

    Args:
        config: Of a run.
        workdir: Its folder; the size of an earlier start stays.

    Raises:
        ValueError: Not even one image fits, or a step fails for another reason.
    """
    if config.data.batch_size != AUTO:
        return config
    if cluster.read().is_several:
        raise ValueError("--batch_size=auto is for one worker. Name a number.")
    if (workdir / "config.json").exists():
        return _with(config, load(workdir / "config.json").data.batch_size)
    for size in SIZES:
        if _fits(_with(config, size)):
            print(f"--batch_size=auto: {size}", flush=True)
            return _with(config, size)
        print(f"--batch_size=auto: {size} images take too much memory", flush=True)
    raise ValueError(
        "There is not enough memory for --batch_size=1. Try a smaller --image_size or --backbone."
    )


def _with(config: Config, size: int) -> Config:
    return dataclasses.replace(config, data=dataclasses.replace(config.data, batch_size=size))


def _fits(config: Config) -> bool:
    command = [sys.executable, "-m", "trash_keras.training.batch_size"]
    settings = json.dumps(config.to_dict())
    done = subprocess.run(command, input=settings, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode > 0 and done.returncode != NO_MEMORY:
        raise ValueError(done.stderr.rpartition("Error: ")[2].strip() or done.stderr[-200:])
    return done.returncode == 0


@keras_settings.settled()
def try_steps(config: Config) -> None:
    """Trains a few steps on black images as the run would, with all layers that it will unfreeze.

    Raises:
        tf.errors.ResourceExhaustedError, MemoryError: There is not enough memory.
    """
    strategy = open_devices(config)
    devices.set_precision(config.runtime.mixed_precision, strategy)
    size, side = config.data.batch_size, config.data.image_size
    images = tf.data.Dataset.from_tensors(tf.zeros((side, side, 3), tf.uint8))
    examples = tf.data.Dataset.zip(images, tf.data.Dataset.from_tensors([1.0, 0.0]))
    examples = examples.repeat(size)
    with strategy.scope():
        model = classifier.create(config.model, ("one", "other"), side)
        phase = stages.plan(config.training, config.model)[-1]
        if phase.name == stages.HEAD:
            extractor = classifier.feature_extractor(model)
            rows = np.empty((size, extractor.output_shape[-1]), "float32")
            batches = images.repeat(size).batch(size).map(lambda batch: tf.cast(batch, tf.float32))
            features.fill(rows, extractor, batches, size, "Trying")
            return
        if phase.name == stages.FINETUNE:
            model = classifier.unfreeze(model, config.training.unfreeze_fraction)
        source = stages.Source(examples, np.zeros(0), np.zeros(0))
        recipe = stages.Recipe(config.training, config.runtime.seed, size)
        recipe.compile(model, phase, source)
        phase = dataclasses.replace(phase, first_epoch=0, last_epoch=STEPS)
        model.fit(source.batches(phase, 0, 0, size), steps_per_epoch=STEPS, verbose=0)


def main() -> None:
    """Tries the configuration that comes as JSON on standard input; the exit status says more."""
    if (adjusted := Path("/proc/self/oom_score_adj")).exists():
        adjusted.write_text("1000")  # where memory ends, this process is to end, and no other
    try:
        try_steps(Config.from_dict(json.load(sys.stdin)))
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        sys.exit(1 if local.is_disk_full(error) else NO_MEMORY)


if __name__ == "__main__":
    main()
