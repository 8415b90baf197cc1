import json

import numpy as np
import pytest

from trash_keras.metrics import cross_validation


def test_a_difference_is_paired_and_counts_groups_once(tmp_path):
    generator = np.random.default_rng(0)
    hard = generator.random(400) < 0.5  # both fail on the same images, which says nothing
    images = [(f"{index:03}.jpg", "glass") for index in range(400)]
    first = dict(zip(images, (~hard).astype(float), strict=True))
    better = {image: 1.0 if index < 20 else first[image]
              for index, image in enumerate(images)}  # fmt: skip
    gained = sum(better[image] - first[image] for image in images) / 400
    found = cross_validation.difference(first, better, [tmp_path, tmp_path])
    assert found["difference"] == pytest.approx(gained)
    low, high = found["difference_interval"]
    assert 0 < low < gained < high and high - low < 0.04  # unpaired it would be 0.14
    backwards = cross_validation.difference(better, first, [tmp_path, tmp_path])
    assert backwards["difference_interval"] == pytest.approx([-high, -low], abs=0.004)
    groups = {"groups": [[file for file, _ in images[:20]]]}
    (tmp_path / "groups.json").write_text(json.dumps(groups))
    low, _ = cross_validation.difference(first, better, [tmp_path, tmp_path / "gone"])[
        "difference_interval"
    ]
    assert low == 0  # all the gain is one draw, which may not come


def test_what_is_not_there_and_what_is_damaged(tmp_path):
    assert cross_validation.load(tmp_path) == {} == cross_validation.as_run(tmp_path)
    (tmp_path / cross_validation.REPORT).write_text("{")
    with pytest.raises(ValueError, match=r"cross_validation\.json is damaged"):
        cross_validation.load(tmp_path)
