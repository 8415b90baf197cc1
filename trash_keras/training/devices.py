"""Devices (CPU, GPUs, TPU), mixed precision, seeds and memory of a run."""

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator

import keras
import tensorflow as tf
from tensorflow.python.framework import ops

from trash_keras.data import pipeline
from trash_keras.host import cluster
from trash_keras.storage import local
from trash_keras.training import workers

# Parameters of mallopt(3).
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Lets the C library keep freed memory for the next array.

    By default glibc gives large arrays back to the system at once, and the system clears every page
    before it hands it out again: on a CPU, that is a good part of a training step. Other
    C libraries than glibc stay as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)  # never
        mallopt(M_TOP_PAD, 2**28)


def use_accelerator(accelerator: str) -> tf.distribute.Strategy:
    """Picks the devices; must come before anything runs on one.

    Args:
        accelerator: auto (a TPU, else all GPUs, else the CPU), cpu, gpu or tpu.

    Returns:
        The strategy in whose scope the model is built: TPU, that of several workers where
        TF_CONFIG names some, mirrored for several GPUs, or the default.

    Raises:
        ValueError: The wanted device is not there, or a worker.
    """
    if accelerator == "tpu" or (accelerator == "auto" and _tpu_in_sight()):
        return _tpu_strategy()
    if accelerator == "cpu":
        tf.config.set_visible_devices([], "GPU")
    gpus = tf.config.get_visible_devices("GPU")
    if accelerator == "gpu" and not gpus:
        raise ValueError(
            "--accelerator=gpu, but TensorFlow sees no GPU. Install tensorflow[and-cuda] and a "
            "driver, or use --accelerator=cpu."
        )
    if cluster.read().is_several:
        return workers.join()
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def _tpu_in_sight() -> bool:
    # Asking the resolver without such a sign waits for a metadata server that most machines
    # don't have.
    return os.path.exists("/dev/accel0") or any(
        name in os.environ for name in ("TPU_NAME", "TPU_ACCELERATOR_TYPE", "COLAB_TPU_ADDR")
    )


def _tpu_strategy() -> tf.distribute.Strategy:
    # "local" is the TPU of this very machine (a TPU VM, Colab, Kaggle); the older Colab runtime
    # is found by the empty name.
    name = os.environ.get("TPU_NAME", "" if "COLAB_TPU_ADDR" in os.environ else "local")
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(name)
        return tf.distribute.TPUStrategy(resolver)
    except Exception as error:  # a TPU that does not respond raises one of a dozen types
        reason = str(error).partition("\n")[0][:200]  # what follows are nodes and addresses
        raise ValueError(
            f"No TPU responds under the name {name!r}: {reason}. Set TPU_NAME, or use "
            "--accelerator=gpu or cpu."
        ) from error


def check_batch_size(batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Checks that a batch can be divided evenly.

    Keras fails on parts of different size, and their gradients would have different weights.

    Args:
        batch_size: Images per step, over all devices.
        strategy: From `use_accelerator`.

    Raises:
        ValueError: The devices would get different numbers of images.
    """
    devices = strategy.num_replicas_in_sync
    if batch_size % devices:
        fitting = max(1, round(batch_size / devices)) * devices
        raise ValueError(
            f"--batch_size must be a multiple of the number of devices, here {devices}. "
            f"Received: {batch_size}; {fitting} would do."
        )


def require_batch(batch_size: int, images: int) -> None:
    """Checks that a batch is not many times all images, which would fill it.

    Args:
        batch_size: Images per step.
        images: Those to train on.

    Raises:
        ValueError: It is.
    """
    most = max(images, pipeline.LARGE_BATCH)
    if batch_size > most:
        raise ValueError(
            f"--batch_size must be at most {most}: there are {images} images to train on. "
            f"Received: {batch_size}"
        )


@contextlib.contextmanager
def telling_of_memory(batch_size: int) -> Iterator[None]:
    """Makes of an error for want of memory one that says what to try.

    Args:
        batch_size: Images per step of the run.

    Raises:
        ValueError: There is not enough memory.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        if local.is_disk_full(error):
            raise
        less = f"--batch_size={batch_size // 2}" if batch_size > 1 else "a smaller --image_size"
        raise ValueError(
            f"There is not enough memory for --batch_size={batch_size}. Try {less}, in another "
            "--workdir; a smaller --image_size or --mixed_precision=mixed_float16 takes less, too."
        ) from error


def set_precision(mixed_precision: str, strategy: tf.distribute.Strategy) -> str:
    """Sets Keras' dtype policy for the layers made from now on.

    Args:
        mixed_precision: auto, float32, mixed_float16 or mixed_bfloat16. auto takes the fast type
            of the device: float16 on GPUs with tensor cores (compute capability 7 or more),
            bfloat16 on TPUs, else float32.
        strategy: From `use_accelerator`.

    Returns:
        The name of the policy.
    """
    if mixed_precision == "auto":
        if isinstance(strategy, tf.distribute.TPUStrategy):
            mixed_precision = "mixed_bfloat16"
        else:
            gpus = tf.config.get_visible_devices("GPU")
            capable = gpus and all(_compute_capability(gpu) >= 7 for gpu in gpus)
            mixed_precision = "mixed_float16" if capable else "float32"
    keras.config.set_dtype_policy(mixed_precision)
    return mixed_precision


def _compute_capability(gpu: tf.config.PhysicalDevice) -> int:
    details = tf.config.experimental.get_device_details(gpu)
    return details.get("compute_capability", (0, 0))[0]


def require_deterministic_gradients(model: keras.Model) -> None:
    """Checks that the devices can fine-tune a network repeatably.

    XLA, which compiles all that runs on a TPU, has no deterministic gradient of max pooling
    (`tf2xla/kernels/pooling_ops.cc` of TensorFlow). On GPUs, Keras uses no XLA then.

    Args:
        model: With its backbone as a layer, made in the scope of its devices.

    Raises:
        ValueError: It is for a TPU, and has max pooling.
    """
    if not isinstance(model.distribute_strategy, tf.distribute.TPUStrategy):
        return
    layers = [each for part in model.layers for each in getattr(part, "layers", [part])]
    if any(isinstance(layer, keras.layers.MaxPooling2D) for layer in layers):
        raise ValueError(
            "--deterministic: on a TPU there is no repeatable gradient of max pooling, which this "
            "backbone has. Leave the flag out, take a backbone without (EfficientNetLite0), or "
            "train the head alone (--finetune_epochs=0)."
        )


def set_seed(seed: int, deterministic: bool) -> None:
    """Seeds Python, NumPy and Keras; optionally makes every operation repeatable.

    Args:
        seed: 0 or more.
        deterministic: Same machine, same bits; some operations get slower.
    """
    # Plus one: with a global seed of 0, TensorFlow compares the seeds of tf.data shuffles,
    # which are tensors in `pipeline.make_train_dataset`, with Python numbers and fails.
    keras.utils.set_random_seed(seed + 1)
    if deterministic:
        tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def released() -> Iterator[None]:
    """Frees the memory of the run inside it, so that one process can train many runs.

    Clearing Keras' session is not enough: when a training step is traced, TensorFlow registers a
    gradient function for the sum over devices (`tf.custom_gradient`), never drops it, and keeps
    the graph with it. That was 180 MB a run of MobileNetV3Small at 128 px. TensorFlow has no public
    interface for it.
    """
    keras.utils.clear_session()
    gradients = ops.gradient_registry._registry
    known = set(gradients)
    try:
        yield
    finally:
        for name in set(gradients) - known:
            del gradients[name]
        keras.utils.clear_session()
        gc.collect()
