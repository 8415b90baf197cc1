import csv

import pytest
import tensorflow as tf

from trash_keras.training.trainer import train_and_evaluate


def events(folder):
    """Returns tag -> [(step, value)] of all event files of a folder, in the order of writing."""
    found = {}
    for file in sorted(folder.glob("events.*"), key=lambda file: file.stat().st_mtime_ns):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                content = tf.make_ndarray(value.tensor)
                found.setdefault(value.tag, []).append((event.step, content))
    return found


@pytest.mark.slow
def test_both_phases_lie_on_one_axis_and_the_matrix_follows(
    tmp_path, data_dir, toy_backbone, configure
):
    config = configure(data_dir, toy_backbone, tensorboard=True, head_epochs=3, finetune_epochs=2)
    report = train_and_evaluate(config, tmp_path / "run")
    with (tmp_path / "run/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    for folder, tag, column in (
        ("train", "epoch_loss", "loss"),
        ("train", "epoch_learning_rate", "learning_rate"),
        ("validation", "epoch_accuracy", "val_accuracy"),
    ):
        points = events(tmp_path / "run/tensorboard" / folder)[tag]
        assert [step for step, _ in points] == [0, 1, 2, 3, 4]
        expected = [float(row[column]) for row in rows]
        assert [float(value) for _, value in points] == pytest.approx(expected, rel=1e-5)
    shown = events(tmp_path / "run/tensorboard/evaluation")
    assert float(shown["test/accuracy"][0][1]) == pytest.approx(report["test"]["accuracy"])
    width, height, png = shown["test/confusion_matrix"][0][1]
    image = tf.io.decode_png(png)
    assert (
        image.shape == (int(height), int(width), 3)
        and tf.math.reduce_std(tf.cast(image, tf.float32)) > 10
    )  # something is drawn
