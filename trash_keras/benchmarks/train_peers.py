"""Contenders of the training suite: PyTorch, and the recipe that this project grew from."""

import time
from typing import Any

from trash_keras.benchmarks import input_peers
from trash_keras.benchmarks.input_suite import figures
from trash_keras.benchmarks.train_suite import STEPS
from trash_keras.benchmarks.turns import Figures, Turn
from trash_keras.config import TrainingConfig
from trash_keras.data.splits import VALID_SHARE
from trash_keras.host import cores

CLASSES = 6
MOST_EPOCHS = 50


def torch_step(network: str, variant: str, image_size: int, batch_size: int) -> Turn:
    """Trains a few steps a turn on a constant batch: all layers but BatchNorm, with AdamW.

    Args:
        network: Its name in timm.
        variant: eager, channels_last, or compiled (`torch.compile`, channels last).
        image_size: Height and width, pixels.
        batch_size: Images of a step.
    """
    import timm
    import torch

    torch.set_num_threads(cores.available())
    form = torch.contiguous_format if variant == "eager" else torch.channels_last
    model = timm.create_model(network, pretrained=False, num_classes=CLASSES)
    model = model.to(memory_format=form)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
            module.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
    images = 2 * torch.rand(batch_size, 3, image_size, image_size) - 1
    images = images.contiguous(memory_format=form)
    labels = torch.arange(batch_size) % CLASSES
    predict = torch.compile(model) if variant == "compiled" else model

    def step() -> None:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(predict(images), labels).backward()
        optimizer.step()

    step()  # compiles it

    def turn() -> Figures:
        for _ in range(STEPS // 3):  # the other contenders have used the caches since
            step()
        started = time.perf_counter()
        for _ in range(STEPS):
            step()
        return figures(STEPS * batch_size, time.perf_counter() - started)

    return turn


def frozen_backbone(data_dir: str, accuracy: float) -> Turn:
    """Trains a head on a frozen backbone that sees augmented images anew each epoch.

    The clock stops after the first epoch with the accuracy on validation; no report is made. It is
    the recipe of the README that this project grew from, and of many tutorials, with the same
    backbone, image size, learning rate, augmentation and number of validation images as ours.
    Decoded images stay in memory.

    Raises:
        ValueError: So many epochs do not reach the accuracy.
    """
    import keras

    from trash_keras.models import efficientnet_lite

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = logs["val_accuracy"] >= accuracy

    def turn() -> Figures:
        started = time.perf_counter()
        train, valid = input_peers.keras_splits(data_dir)
        share = VALID_SHARE / input_peers.NOT_TRAINED
        valid = valid.take(round(share * len(valid))).cache()
        backbone = efficientnet_lite.build("EfficientNetLite0", True, input_peers.SIDE)
        backbone.trainable = False
        pooled = keras.layers.GlobalAveragePooling2D()(backbone(backbone.input, training=False))
        outputs = keras.layers.Dense(len(train.class_names), activation="softmax")(pooled)
        model = keras.Model(backbone.input, outputs)
        model.compile(
            optimizer=keras.optimizers.Adam(TrainingConfig.head_learning_rate),
            loss="categorical_crossentropy",
            metrics=["accuracy"],
        )
        history = model.fit(
            input_peers.augmented(train.cache()), validation_data=valid, epochs=MOST_EPOCHS,
            callbacks=[Stop()], verbose=0,
        )  # fmt: skip
        reached = max(history.history["val_accuracy"])
        if reached < accuracy:
            raise ValueError(f"{reached:.4f} on validation after {MOST_EPOCHS} epochs")
        minutes = (time.perf_counter() - started) / 60
        return {"minutes_to_accuracy": minutes, "minutes": minutes}

    return turn
