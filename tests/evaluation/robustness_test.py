import numpy as np
import pytest

from trash_keras.data import pipeline
from trash_keras.data.augmentation import corruptions
from trash_keras.data.catalog import Catalog
from trash_keras.data.pipeline import Split
from trash_keras.data.readers.base import FolderReader
from trash_keras.evaluation import robustness, score
from trash_keras.predictor import Predictor


@pytest.fixture
def setting(trained):
    workdir, data, _ = trained
    reader = FolderReader(data)
    predictor = Predictor.load(workdir / "model.keras")
    split = Split(Catalog.load(workdir / "catalog.json").only("test"), "test", reader)
    return predictor, split, score.predict_split(predictor, split)


def test_every_kind_is_scored_at_every_severity(setting):
    predictor, split, clean = setting
    scores = robustness.measure_robustness(predictor, split, clean, batch_size=4)
    assert scores["examples"] == len(clean.paths)
    assert set(scores["kinds"]) == set(corruptions.CORRUPTIONS)
    assert scores["clean"]["accuracy"] == clean.score()["accuracy"]
    for kind, found in scores["kinds"].items():
        assert len(found["accuracy"]) == len(found["macro_f1"]) == 5
        assert tuple(found["levels"]) == corruptions.CORRUPTIONS[kind].levels
    # Turned solid colours stay the same, and have no board behind them.
    assert scores["kinds"]["rotation"]["mean_accuracy"] == scores["clean"]["accuracy"]
    assert (
        scores["kinds"]["background"]["changed"] == 0 and scores["kinds"]["noise"]["changed"] == 1
    )


def test_predictions_are_for_the_corrupted_images_at_any_batch_size(setting):
    predictor, split, clean = setting
    metadata, seen = predictor.metadata, []
    names = metadata.class_names

    def remember(images):
        seen.append(np.asarray(images))
        return np.tile(np.eye(len(names))[0], (len(images), 1))

    watched = Predictor(remember, metadata)
    collected = []
    for batch_size in (4, 5):
        seen.clear()
        robustness.measure_robustness(watched, split, clean, batch_size=batch_size)
        assert {len(images) for images in seen} == {batch_size}
        groups = np.array_split(np.arange(len(seen)), len(seen) // 40)
        # Case by case the images of all batches, without filler.
        cases = [np.concatenate([seen[group[case]] for group in groups])[: len(clean.paths)]
                 for case in range(40)]  # fmt: skip
        collected.append(np.stack(cases))
    np.testing.assert_array_equal(*collected)
    inputs = pipeline.load_split(split.for_model(metadata), cache=False)
    first = next(iter(inputs.as_numpy_iterator()))[0]
    for case, kind in enumerate(corruptions.CORRUPTIONS):
        expected = corruptions.corrupt(first, kind, 5, 0, clean.paths[0])
        np.testing.assert_array_equal(collected[0][5 * case + 4, 0], expected)
