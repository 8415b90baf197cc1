import numpy as np
import pytest

from trash_keras.training import kept_features
from trash_keras.training.kept_features import KeptFeatures, balanced_rows


def make(train=40, valid=8, channels=16):
    generator = np.random.default_rng(0)
    features = generator.normal(0, 1, (train + valid, channels)).astype(np.float32)
    labels = np.arange(train + valid) % 2
    return KeptFeatures(
        ("a", "b"), features[:train], labels[:train], features[train:], labels[train:]
    )


def test_what_is_written_is_read(tmp_path):
    kept = make()
    kept.save(tmp_path / kept_features.FILE)
    found = KeptFeatures.of_model(tmp_path / "model.keras", ("a", "b"), 16)
    assert found.class_names == ("a", "b") and found.train.dtype == np.float32
    np.testing.assert_allclose(found.train, kept.train, atol=2e-3)
    np.testing.assert_array_equal(found.valid_labels, kept.valid_labels)
    with pytest.raises(ValueError, match="is of another model"):
        KeptFeatures.of_model(tmp_path / "model.keras", ("a", "b"), 17)


def test_a_file_has_a_limit_and_rare_classes_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_features, "MEGABYTES", 40 * 16 * 2 / 1e6)  # 40 rows
    kept = make(train=400, valid=100)
    rare = np.where(np.arange(400) < 395, 0, 1)
    KeptFeatures(kept.class_names, kept.train, rare, kept.valid, kept.valid_labels).save(
        tmp_path / kept_features.FILE
    )
    found = KeptFeatures.of_model(tmp_path / "model.keras", ("a", "b"), 16)
    assert (len(found.train), len(found.valid)) == (30, 10)
    assert np.bincount(found.train_labels).tolist() == [25, 5]


def test_classes_may_be_added_and_come_in_another_order():
    found = make().with_classes(("b", "c", "a"))
    np.testing.assert_array_equal(found.train_labels[:4], [2, 0, 2, 0])
    more = found.with_train(np.ones((2, 16), np.float32), np.array([1, 1]))
    assert len(more.train) == 42 and np.bincount(more.train_labels)[1] == 2


def test_known_images_are_found_by_their_features():
    kept = make()
    copies = np.concatenate([kept.train[:2], kept.valid[:1]]) + 0.01
    others = np.random.default_rng(5).normal(0, 1, (20, 16))
    assert kept.known(copies).all() and not kept.known(others).any()


def test_rows_are_chosen_class_by_class():
    labels = np.array([0, 0, 0, 0, 1, 2, 2])
    assert balanced_rows(labels, 5).tolist() == [0, 1, 4, 5, 6]
    assert balanced_rows(labels, 99).tolist() == list(range(7))
    assert balanced_rows(labels, 0).tolist() == []
