import numpy as np
import pytest

from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import ablation
from trash_keras.reporting.ablation import Run


def predictions(right, files="abcd"):
    """Predictions of two classes for these files, which are right or not."""
    labels = np.arange(len(files)) % 2
    rows = np.where(np.array(right), labels, 1 - labels)
    return Predictions(("x", "y"), list(files), labels, np.eye(2)[rows])


def run(right, loss=0.5, minutes=2.0, files="abcd", external=None, **settings):
    """A run whose predictions for its validation images, and perhaps for others, are given."""
    config = {"data": {"image_size": 32}, "training": {"ema_momentum": 0.0, "warmup_ratio": 0.1}}
    config["training"] |= settings
    valid = {"accuracy": float(np.mean(right)), "loss": loss}
    report = {"valid": valid, "config": config, "run": {"training_minutes": minutes}}
    return Run(report, predictions(right, files), external)


def test_variants_are_compared_with_the_recipe_over_seeds():
    recipe, better = ablation.compare(
        {
            "recipe": [run([1, 0, 0, 1], loss=0.6), run([1, 1, 0, 1], loss=0.4)],
            "better": [
                run([1, 1, 0, 1], 0.2, 3, ema_momentum=0.9),
                run([1, 1, 1, 1], 0.4, 5, ema_momentum=0.9),
            ],
        }
    )
    assert recipe == {
        "name": "recipe", "settings": {}, "accuracy": 0.625, "lowest": 0.5, "highest": 0.75,
        "loss": 0.5, "minutes": 2.0,
    }  # fmt: skip
    assert better["settings"] == {"ema_momentum": 0.9}
    assert better["accuracy"] == 0.875
    assert (better["loss"], better["minutes"]) == (pytest.approx(0.3), 4.0)
    assert better["difference"] == 0.25
    low, high = better["difference_interval"]
    assert 0 <= low < 0.25 < high <= 0.75


def test_an_image_of_several_seeds_is_one_draw():
    def interval(second_files):
        found = {
            "recipe": [run([0, 0, 0, 0]), run([0, 0, 0, 0], files=second_files)],
            "other": [
                run([1, 0, 1, 0], ema_momentum=0.9),
                run([1, 0, 1, 0], files=second_files, ema_momentum=0.9),
            ],
        }
        return ablation.compare(found)[1]["difference_interval"]

    same, other = interval("abcd"), interval("efgh")
    assert other[1] - other[0] < same[1] - same[0]


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="better was scored on other images"):
        ablation.compare({"recipe": [run([1, 1], files="ab")], "better": [run([1, 1], files="ac")]})


def test_the_table_has_a_row_for_each_variant():
    found = {
        "recipe": [run([1, 0, 1, 1])],
        "a_b": [run([1, 0, 0, 1], warmup_ratio=0.3, ema_momentum=0.9)],
    }
    lines = ablation.table({"seeds": 1, "variants": ablation.compare(found)}).splitlines()
    assert lines[0].startswith("| variant | what changed | valid, mean of 1 seed(s) |")
    assert lines[2] == "| recipe |  | 75.0% | 75.0% to 75.0% |  | 0.500 | 2.0 |"
    assert lines[3].startswith(
        r"| a\_b | `--ema_momentum=0.9` `--warmup_ratio=0.3` | 50.0% | 50.0% to 50.0% | -25.0 ("
    )


def test_images_of_another_source_are_compared_apart():
    recipe, better = ablation.compare(
        {
            "recipe": [run([1, 1, 1, 1], external=predictions([1, 0], files="ef"))],
            "better": [
                run([1, 1, 1, 1], external=predictions([1, 1], files="ef"), ema_momentum=0.9)
            ],
        }
    )
    assert recipe["foreign"] == {"accuracy": 0.5, "lowest": 0.5, "highest": 0.5}
    assert (better["difference"], better["foreign"]["difference"]) == (0, 0.5)
    table = ablation.table({"seeds": 1, "variants": [recipe, better]}).splitlines()
    assert table[0].count("points from the recipe") == 2
    assert table[2].endswith("| 2.0 | 50.0% | 50.0% to 50.0% |  |")
    assert "| 2.0 | 100.0% | 100.0% to 100.0% | +50.0 (" in table[3]
