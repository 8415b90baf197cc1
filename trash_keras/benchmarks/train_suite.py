"""Training: steps of fine-tuning beside PyTorch's, what the input costs, minutes to an accuracy.

Steps train all layers but BatchNorm, which stays as it is, with AdamW from random weights; the
images are constant unless the case is about the input.
"""

from collections.abc import Iterator

from trash_keras.benchmarks import images
from trash_keras.benchmarks.settings import Settings
from trash_keras.benchmarks.turns import Case, Contender, Metric

RATE = Metric("images_per_second", "", "images/s", more_is_better=True)
MEMORY = Metric("memory_mb", "peak memory", "MB")
TO_ACCURACY = Metric("minutes_to_accuracy", "first epoch with it", "minutes")
TO_REPORT = Metric("minutes", "to the report", "minutes")
# Ours -> timm's name of the same network.
NETWORKS = {"EfficientNetLite0": "tf_efficientnet_lite0", "ResNet50": "resnet50"}
VARIANTS = ("eager", "channels_last", "compiled")
IMAGE_SIZE, BATCH_SIZE = 224, 8
# Of a turn; a third of them more come first and do not count, since the others have used caches and
# cores meanwhile.
STEPS = 12
# Of a turn about the input, the first third to empty what was made ahead in the turns of others.
STEPS_WITH_INPUT = 24
# What the README claimed that this project grew from, on validation.
ACCURACY = 0.8415
TORCH = ("torch", "torchvision", "timm")


def cases(settings: Settings) -> Iterator[Case]:
    """Yields the cases: steps of each network, the cost of the input, minutes to an accuracy."""
    step = {"image_size": IMAGE_SIZE, "batch_size": BATCH_SIZE}
    for network, timm_name in NETWORKS.items():
        ours = Contender("trash_keras", "train_ours:step", {**step, "backbone": network})
        peers = (
            Contender(
                f"PyTorch, {variant}",
                "train_peers:torch_step",
                {**step, "network": timm_name, "variant": variant},
                TORCH,
            )
            for variant in VARIANTS
        )
        name = f"step of {BATCH_SIZE} images, {network}, {IMAGE_SIZE} px"
        yield Case("train", name, (ours,), tuple(peers), (RATE, MEMORY), warms_up=False)
    yield _input(settings, step)
    if settings.data_dir:
        yield _minutes(settings.data_dir)


def _input(settings: Settings, step: dict[str, int]) -> Case:
    folder = settings.data_dir or images.write(settings.folder / "s", settings.images, images.SMALL)
    options = step | {"backbone": "EfficientNetLite0", "steps": STEPS_WITH_INPUT}
    with_input = {**options, "data_dir": str(folder)}
    ours = Contender("trash_keras", "train_ours:step", with_input)
    peer = Contender("trash_keras, constant batches", "train_ours:step", options)
    name = "step with its input, EfficientNetLite0"
    return Case("train", name, (ours,), (peer,), (RATE,), warms_up=False)


def _minutes(data_dir: str) -> Case:
    options = {"data_dir": data_dir, "accuracy": ACCURACY}
    ours = Contender("trash_keras", "train_ours:whole_run", options, fresh=True)
    peer = Contender(
        "frozen backbone run anew each epoch", "train_peers:frozen_backbone", options, fresh=True
    )
    name = f"{ACCURACY:.2%} on validation, EfficientNetLite0"
    metrics = (TO_ACCURACY, TO_REPORT)
    return Case("train", name, (ours,), (peer,), metrics, most_rounds=1, warms_up=False)
