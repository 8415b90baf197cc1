import json

import numpy as np
import pytest

from trash_keras.data import groups
from trash_keras.data.groups import connected, load_groups, similar, write_groups


def test_chains_become_one_group():
    assert connected(8, [(1, 2), (5, 4), (2, 7), (4, 5)]) == [[1, 2, 7], [4, 5]]
    assert connected(5, [(3, 2, 0)]) == [[0, 2, 3]]
    assert connected(3, []) == []


def test_features_of_one_direction_are_similar_whatever_they_all_share(monkeypatch):
    monkeypatch.setattr(groups, "_BLOCK", 7)  # so that pairs lie in blocks and across them
    generator = np.random.default_rng(0)
    features = generator.normal(size=(40, 64))
    features[33] = 3 * features[2] + generator.normal(0, 0.3, 64)
    features[12] = features[2] + generator.normal(0, 0.1, 64)
    features[39] = features[38]
    for offset in (0, 50):  # a network whose features are all alike in the raw
        assert similar(features + offset, 0.8) == [[2, 12, 33], [38, 39]]
    assert similar(features, 0.9999) == [[38, 39]]


def test_chains_of_similar_features_are_one_group():
    angles = np.radians([0, 30, 60, 180, 210, 240])
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert similar(features, 0.8) == [[0, 1, 2], [3, 4, 5]]


def test_a_threshold_at_which_all_is_alike_is_refused(monkeypatch):
    monkeypatch.setattr(groups, "MOST_LINKS", 10)
    with pytest.raises(ValueError, match=r"More than 10 pairs of 20 .* --group_similarity=0.0"):
        similar(np.random.default_rng(0).normal(size=(20, 3)), 0.0)


def test_groups_that_were_written_are_loaded(tmp_path):
    groups = [("glass/a.jpg", "metal/b.jpg"), ("glass/c.jpg", "glass/d.jpg", "glass/e.jpg")]
    write_groups(tmp_path / "groups.json", groups, {"near_duplicates": "by eye"})
    assert load_groups(tmp_path / "groups.json") == groups
    assert json.loads((tmp_path / "groups.json").read_text())["evidence"] == {
        "near_duplicates": "by eye"
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "No usable groups"),
        ("[]", "No usable groups"),
        ('{"groups": 3}', "No usable groups"),
        ('{"groups": [[1, 2]]}', "must hold"),
        ('{"groups": ["glass/a.jpg"]}', "must hold"),
        ('{"groups": [["a", "b"], ["b", "c"]]}', "Received b more than once"),
    ],
)
def test_other_content_is_refused(tmp_path, text, message):
    (tmp_path / "groups.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_groups(tmp_path / "groups.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No usable groups"):
        load_groups(tmp_path / "gone.json")
