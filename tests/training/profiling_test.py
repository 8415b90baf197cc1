import re

import pytest
import tensorflow as tf

from trash_keras.training import profiling
from trash_keras.training.diverged import StopWhenDiverged
from trash_keras.training.trainer import train_and_evaluate


@pytest.fixture
def train(tmp_path, data_dir, toy_backbone, configure, capsys):
    """Trains, and returns metrics.csv and what was printed about profiles."""

    def run(name, **settings):
        config = configure(data_dir, toy_backbone, **settings)
        train_and_evaluate(config, tmp_path / name)
        lines = [line for line in capsys.readouterr().out.splitlines() if "rofile" in line]
        return (tmp_path / name / "metrics.csv").read_text(), lines

    return run


@pytest.mark.slow
def test_each_phase_is_profiled_and_trains_as_without(train, tmp_path):
    settings = {"head_epochs": 3, "finetune_epochs": 2}
    folder = tmp_path / "profile"
    plain, none = train("plain", **settings)
    profiled, lines = train("profiled", profile=str(folder), **settings)
    assert profiled == plain and none == []
    steps = []
    for line, phase in zip(lines, ("head", "finetune"), strict=True):
        assert len(list((folder / phase / "plugins/profile").glob("*/*.xplane.pb"))) == 1
        found = re.fullmatch(
            rf"Profile of {phase}, (\d+) steps: step (\S+) ms: "
            r"input (\S+)%, network (\S+)%, rest (\S+)%",
            line,
        )
        count, milliseconds, *shares = map(float, found.groups())
        assert milliseconds > 0 and sum(shares) == pytest.approx(100, abs=0.2)
        steps.append(count)
    assert steps == [3 * 3 - 2, 2 * 3 - 2]


def test_steps_in_one_execution_train_as_one_after_the_other(train, monkeypatch):
    """Seven do not divide the three steps of an epoch, so three are what runs at once."""
    calls, end = [], StopWhenDiverged.on_train_batch_end
    monkeypatch.setattr(
        StopWhenDiverged,
        "on_train_batch_end",
        lambda self, batch, logs=None: (calls.append(batch), end(self, batch, logs)),
    )
    settings = {"head_epochs": 2, "finetune_epochs": 2}
    plain, _ = train("plain", **settings)
    assert calls == 4 * [0, 1, 2]
    calls.clear()
    together, _ = train("together", steps_per_execution=7, **settings)
    assert calls == 4 * [2] and together == plain


class Model:
    """A batch is the seconds that a step on it takes."""

    def __init__(self, clock):
        self.clock, self.train_function = clock, None

    def make_train_function(self):
        self.train_function = self.train

    def train(self, batches):
        self.clock.now += next(batches)
        return {"loss": tf.constant(0.5)}

    def fit(self, callbacks, batches, steps):
        (callback,) = callbacks
        for _ in range(2):
            callback.on_epoch_begin(0)
            for _ in range(steps):
                self.train_function(batches)
                self.clock.now += 1  # other callbacks
            self.clock.now += 1000  # validation


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(profiling, "time", found)
    return found


def batches(clock, waiting, step):
    while True:
        clock.now += waiting
        yield step


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        # 8 steps of 3 + 6; one second after each but the last of an epoch, and the first two.
        (5, ", 8 steps: step 9875.0 ms: input 30.4%, network 60.8%, rest 8.9%"),
        (1, ": it takes more than 2 steps, of which the first compile"),
    ],
)
def test_input_network_and_rest_are_told_apart_and_validation_is_none(
    clock, tmp_path, capsys, steps, said
):
    model = Model(clock)
    with profiling.of_phase(model, "head", str(tmp_path)) as callbacks:
        model.fit(callbacks, batches(clock, 3, 6), steps)
    assert capsys.readouterr().out == f"Profile of head{said}\n"
    assert model.train_function is None


def test_without_a_folder_nothing_changes(clock, capsys):
    model = Model(clock)
    with profiling.of_phase(model, "head", "") as callbacks:
        assert callbacks == [] and model.train_function is None
    assert capsys.readouterr().out == ""


def test_a_profile_that_cannot_be_written_stops_no_run_and_neither_does_the_next(
    clock, tmp_path, capsys
):
    (tmp_path / "file").touch()
    model = Model(clock)
    for folder, words in (("file/below", "No profile was written"), ("fine", "Profile of head")):
        with profiling.of_phase(model, "head", str(tmp_path / folder)) as callbacks:
            model.fit(callbacks, batches(clock, 1, 1), steps=10)
        assert words in capsys.readouterr().out


def test_a_run_that_ends_with_an_error_stops_recording(clock, tmp_path):
    model = Model(clock)
    for _ in range(2):
        with (
            pytest.raises(RuntimeError, match="damaged"),
            profiling.of_phase(model, "head", str(tmp_path)) as callbacks,
        ):
            model.fit(callbacks, broken(clock), steps=5)
    assert list(tmp_path.rglob("*.xplane.pb"))


def broken(clock):
    for _ in range(4):
        clock.now += 1
        yield 1
    raise RuntimeError("an image is damaged")


def test_a_file_is_no_folder_for_a_profile(train, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="--profile takes a folder"):
        train("run", profile=str(tmp_path / "file"))
