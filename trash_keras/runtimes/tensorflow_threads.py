"""How many threads TensorFlow takes in this process."""


def limit(threads: int | None) -> None:
    """Limits the threads of an operation, and the operations at once.

    Args:
        threads: 1 or more; None leaves the choice to TensorFlow, which takes all cores.

    Raises:
        RuntimeError: TensorFlow has started, with another number.
    """
    if threads is not None:
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
