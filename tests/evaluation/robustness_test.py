import dataclasses

import numpy as np
import pytest

from trash_keras.data import decoding, pipeline
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
        steps = -(-len(clean.paths) // batch_size)
        groups = np.array_split(np.arange(40 * steps), steps)  # frames come after them
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


@pytest.mark.parametrize("resize", ["stretch", "pad", "crop"])
def test_frames_are_made_before_the_square(setting, resize):
    predictor, split, clean = setting
    metadata = dataclasses.replace(predictor.metadata, resize=resize)
    names, seen = metadata.class_names, []

    def remember(images):
        seen.append(np.asarray(images))
        return np.tile(np.eye(len(names))[0], (len(images), 1))

    found = robustness.measure_robustness(
        Predictor(remember, metadata), split, clean, batch_size=len(clean.paths)
    )["frames"]
    encoded = next(iter(split.reader.encoded(list(clean.paths), True)))[1].numpy()
    image = decoding.decode(encoded)
    for frame, batch in zip(corruptions.FRAMES, seen[-len(corruptions.FRAMES) :], strict=True):
        framed = corruptions.extend_to_frame(image, corruptions.FRAMES[frame])
        expected = decoding.resize_to_square(framed, metadata.image_size, resize)
        np.testing.assert_array_equal(batch[0], expected)
        assert found[frame]["accuracy"] == np.mean(clean.labels == 0)
