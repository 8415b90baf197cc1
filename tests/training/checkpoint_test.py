import csv

import keras
import numpy as np
import pytest

from trash_keras.storage import local
from trash_keras.training.checkpoint import COLUMNS, CheckpointCallback, CheckpointManager


def row(epoch, val_accuracy=0.5, val_loss=1.0):
    return {"epoch": epoch, "loss": 1.5, "accuracy": 0.25, "val_loss": val_loss,
            "val_accuracy": val_accuracy, "learning_rate": 0.125, "seconds": 9.0}  # fmt: skip


def make_model(value=0.0):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.AdamW(0.1), "mse")
    model.optimizer.build(model.trainable_variables)
    model.set_weights([np.full((2, 1), value), np.full(1, value)])
    return model


def value_of(model):
    return float(model.get_weights()[0][0, 0])


@pytest.fixture
def saved():
    """Grows by one each time that the best model is written."""
    return []


@pytest.fixture
def open_checkpoints(tmp_path, saved):
    def save_best():
        (tmp_path / "model.keras").touch()
        saved.append(True)

    return lambda: CheckpointManager(tmp_path, save_best)


def test_weights_of_another_network_are_refused_in_one_line(open_checkpoints):
    open_checkpoints().add("head", make_model(), row(0))
    other = keras.Sequential([keras.Input((2, 1)), keras.layers.BatchNormalization()])
    other.compile("adam", "mse")
    with pytest.raises(
        ValueError, match=r"epoch-0000\.weights\.h5 does not fit this model;"
    ) as error:
        open_checkpoints().restore("head", other)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([(0.5, 1.0), (0.7, 2.0), (0.6, 0.1)], 1),  # accuracy before loss
        ([(0.7, 1.0), (0.7, 0.5), (0.7, 0.8)], 1),  # the lower loss among equals
        ([(0.7, 0.5), (0.7, 0.5)], 0),  # the earlier among equals
    ],
)
def test_the_best_epoch_has_the_highest_accuracy_then_the_lowest_loss(
    open_checkpoints, saved, scores, best
):
    checkpoints, model, writes = open_checkpoints(), make_model(), []
    for epoch, (accuracy, loss) in enumerate(scores):
        checkpoints.add("head", model, row(epoch, accuracy, loss))
        writes.append(len(saved))
    assert checkpoints.best()["epoch"] == best == writes.index(writes[-1])


def test_metrics_csv_has_a_row_an_epoch_of_all_phases(open_checkpoints, tmp_path):
    checkpoints, model = open_checkpoints(), make_model()
    checkpoints.add("head", model, row(0))
    checkpoints.add("finetune", model, row(1, 0.75))
    with (tmp_path / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [list(one.values()) for one in rows] == [
        ["head", "0", "1.5", "0.25", "1.0", "0.5", "0.125"],
        ["finetune", "1", "1.5", "0.25", "1.0", "0.75", "0.125"],
    ]


def test_a_resumed_run_gets_weights_and_optimizer_back(open_checkpoints):
    model = make_model()
    model.fit(np.ones((4, 2)), np.ones(4), epochs=3, verbose=0)
    open_checkpoints().add("head", model, row(2))
    fresh = make_model()
    assert open_checkpoints().restore("finetune", fresh) is None
    assert open_checkpoints().restore("head", fresh) == 3
    for one, other in zip(
        [*model.weights, *model.optimizer.variables],
        [*fresh.weights, *fresh.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    assert int(fresh.optimizer.iterations) == 3


def test_a_kill_between_weights_and_state_leaves_the_earlier_epoch(
    open_checkpoints, tmp_path, monkeypatch
):
    checkpoints = open_checkpoints()
    checkpoints.add("head", make_model(1.0), row(0))
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(
            local, "write_json", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        checkpoints.add("head", make_model(2.0), row(1))
    resumed, model = open_checkpoints(), make_model()
    assert [one["epoch"] for one in resumed.rows] == [0]
    assert resumed.restore("head", model) == 1 and value_of(model) == 1.0
    resumed.add("head", make_model(3.0), row(1))
    assert open_checkpoints().restore("head", model) == 2 and value_of(model) == 3.0
    there = sorted(path.name for path in (tmp_path / "backup" / "head").glob("[!.]*"))
    weights = [f"epoch-{epoch:04d}.weights.h5" for epoch in (0, 1)]
    assert there == ["before.json", *weights, "state.json"]


def test_a_kill_after_the_state_makes_metrics_and_best_model_again(
    open_checkpoints, tmp_path, saved, monkeypatch
):
    checkpoints = open_checkpoints()
    checkpoints.add("head", make_model(), row(0))
    whole_csv = (tmp_path / "metrics.csv").read_text()
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(local, "write_text", _fail_for("metrics.csv", local.write_text))
        checkpoints.add("head", make_model(), row(1, 0.9))
    assert (tmp_path / "metrics.csv").read_text() == whole_csv and len(saved) == 1
    assert open_checkpoints().restore("head", make_model()) == 2
    assert len((tmp_path / "metrics.csv").read_text().splitlines()) == 3 and len(saved) == 2
    open_checkpoints().add("head", make_model(), row(2, 0.1))
    assert open_checkpoints().restore("head", make_model()) == 3
    assert len(saved) == 2  # epoch 2 is not the best


def _fail_for(name, write):
    def failing(path, text, *options, **named):
        if path.name == name:
            raise KeyboardInterrupt
        write(path, text, *options, **named)

    return failing


def test_a_phase_is_past_when_a_later_one_has_begun(open_checkpoints):
    checkpoints, model = open_checkpoints(), make_model()
    assert not checkpoints.is_past("head")
    checkpoints.add("head", model, row(0))
    assert not checkpoints.is_past("head")
    checkpoints.add("finetune", model, row(1))
    for one in (checkpoints, open_checkpoints()):
        assert one.is_past("head") and not one.is_past("finetune")
        assert [each["phase"] for each in one.rows] == ["head", "finetune"]


def test_the_callback_adds_validation_and_rate_for_the_callbacks_after_it(open_checkpoints):
    checkpoints, model, seen = open_checkpoints(), make_model(), {}
    model.compile(keras.optimizers.AdamW(0.1), "mse", metrics=["accuracy"])
    callback = CheckpointCallback(checkpoints, "head", lambda: {"accuracy": 0.9, "loss": 0.3})
    later = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.update(logs))
    model.fit(np.ones((4, 2)), np.ones((4, 1)), callbacks=[callback, later], verbose=0)
    (committed,) = checkpoints.rows
    assert set(committed) == {*COLUMNS, "seconds"} and committed["seconds"] < 60
    assert seen == {name: committed[name] for name in COLUMNS[2:]}
    assert (seen["val_accuracy"], seen["val_loss"]) == (0.9, 0.3)
    assert seen["learning_rate"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("loss", "val_loss"), [(float("nan"), 0.3), (0.3, float("nan")), (float("inf"), 0.3)]
)
def test_a_diverged_run_says_so_and_keeps_the_epoch_before(open_checkpoints, loss, val_loss):
    checkpoints, model = open_checkpoints(), make_model()
    checkpoints.add("head", model, row(0))
    callback = CheckpointCallback(checkpoints, "head", lambda: {"accuracy": 0.3, "loss": val_loss})
    callback.set_model(model)
    message = f"diverged in epoch 2: the loss is {loss}, .* {val_loss}.*--head_learning_rate"
    with pytest.raises(ValueError, match=message):
        callback.on_epoch_end(1, {"loss": loss, "accuracy": 0.3})
    assert [one["epoch"] for one in open_checkpoints().rows] == [0]


def test_random_layers_are_where_an_unbroken_run_has_them(open_checkpoints):
    def seeds(first_epoch):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5)])
        model.add(keras.layers.Dense(1))
        model.compile(keras.optimizers.AdamW(0.1), "mse")
        states = []
        callback = CheckpointCallback(open_checkpoints(), "head", dict)
        callback.set_model(model)
        for epoch in range(first_epoch, 3):
            model(np.ones((1, 2)), training=True)
            callback.on_epoch_begin(epoch)
            states.append([np.array(v).tolist() for v in model.non_trainable_variables])
        return states

    whole = seeds(0)
    assert seeds(2) == whole[2:] and whole[0] != whole[1] != whole[2]


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_where_the_last_state_is_damaged_the_one_before_counts(open_checkpoints, tmp_path, capsys):
    folder = tmp_path / "backup" / "head"
    for name, epochs in (("state.json", 1), ("epoch-0001.weights.h5", 1), ("both", 0)):
        local.remove(tmp_path / "backup")
        checkpoints = open_checkpoints()
        for epoch in range(2):
            checkpoints.add("head", make_model(epoch + 1.0), row(epoch, 0.1 * epoch))
        for each in ["epoch-0000.weights.h5", "state.json"] if name == "both" else [name]:
            damage(folder / each)
        resumed, model = open_checkpoints(), make_model()
        assert [one["epoch"] for one in resumed.rows] == list(range(epochs))
        assert resumed.restore("head", model) == (epochs or None)
        assert value_of(model) == float(epochs)
        said = capsys.readouterr().out
        assert f"{folder}/state.json is damaged" in said and ("again" in said) == (not epochs)


def test_a_best_model_that_is_damaged_is_trained_again(open_checkpoints, tmp_path, capsys):
    checkpoints = open_checkpoints()
    for epoch in range(2):
        checkpoints.add("head", make_model(), row(epoch, 0.9 - epoch / 10))
    assert open_checkpoints().rows
    (tmp_path / "model.keras").unlink()
    assert not open_checkpoints().rows and "training begins again" in capsys.readouterr().out
    assert not (tmp_path / "backup" / "head").exists()
