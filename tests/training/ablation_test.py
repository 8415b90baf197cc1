import dataclasses
import json
import shutil

import pytest

from trash_keras.metrics.predictions import Predictions
from trash_keras.reporting import ablation
from trash_keras.training import trainer
from trash_keras.training.ablation import ablate

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def variants(configure, toy_backbone, trained):
    plain = configure(trained[1], toy_backbone, head_epochs=3, finetune_epochs=0)
    training = dataclasses.replace(plain.training, label_smoothing=0.3)
    return {"recipe": plain, "smooth": dataclasses.replace(plain, training=training)}


@pytest.fixture(scope="module")
def ablated(tmp_path_factory, variants, trained):
    """An ablation of one seed and then of two.

    (folder, result, what was trained each time, external images).
    """
    folder, calls, train = tmp_path_factory.mktemp("ablated"), [], trainer._train
    workdir, external = folder / "ablation", folder / "external"
    shutil.copytree(trained[1] / "red", external / "red")
    shutil.copytree(trained[1] / "blue", external / "green")

    def watched(run, *rest):
        calls[-1].append((run.workdir.parent.name, run.config.runtime.seed))
        return train(run, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trainer, "_train", watched)
        for seeds in (1, 2):
            calls.append([])
            result = ablate(variants, seeds, workdir, "pytest", str(external))
    return workdir, result, calls, str(external)


def test_every_variant_is_trained_with_every_seed_and_compared(ablated):
    workdir, result, *_ = ablated
    assert json.loads((workdir / "ablation.json").read_text()) == result
    recipe, smooth = result["variants"]
    assert (recipe["name"], smooth["name"], result["seeds"]) == ("recipe", "smooth", 2)
    assert smooth["settings"] == {"label_smoothing": 0.3}
    assert result["run"]["command"] == "pytest"
    assert (workdir / "ablation.md").read_text().count("\n") == 4
    for name in ("recipe", "smooth"):
        reports = [
            json.loads((workdir / name / f"seed{seed}" / "report.json").read_text())
            for seed in (0, 1)
        ]
        assert [report["config"]["runtime"]["seed"] for report in reports] == [0, 1]
        accuracies = [report["valid"]["accuracy"] for report in reports]
        row = recipe if name == "recipe" else smooth
        assert row["accuracy"] == pytest.approx(sum(accuracies) / 2)
        assert not (workdir / name / "seed0" / "model.keras").exists()


def test_what_is_trained_is_not_trained_again_and_a_seed_adds_to_it(ablated, variants, monkeypatch):
    workdir, before, calls, external = ablated
    assert calls == [[("recipe", 0), ("smooth", 0)], [("recipe", 1), ("smooth", 1)]]
    monkeypatch.setattr(trainer, "_train", None)
    again = ablate(variants, 2, workdir, "pytest", external)
    assert again["variants"] == before["variants"]


def test_nothing_is_trained_when_a_variant_cannot_be(variants, tmp_path):
    recipe = variants["recipe"]
    broken = dataclasses.replace(
        recipe, model=dataclasses.replace(recipe.model, backbone="no such file.keras")
    )
    with pytest.raises(ValueError, match="no such file"):
        ablate({"recipe": recipe, "broken": broken}, 1, tmp_path / "ablation")
    assert not (tmp_path / "ablation").exists()


def test_external_images_are_compared_too(ablated):
    workdir, (recipe, smooth) = ablated[0], ablated[1]["variants"]
    first, second = recipe["foreign"]["accuracy"], smooth["foreign"]["accuracy"]
    assert 0.4 < first <= 0.5  # red ones, and no blue one called green
    assert smooth["foreign"]["difference"] == pytest.approx(second - first)
    predictions = Predictions.load(workdir / "smooth" / "seed1" / ablation.EXTERNAL)
    assert (len(predictions.paths), predictions.class_names) == (24, ("blue", "green", "red"))


def test_predictions_of_external_images_need_a_model(ablated, variants, tmp_path):
    workdir = shutil.copytree(ablated[0], tmp_path / "ablation")
    (workdir / "smooth" / "seed0" / ablation.EXTERNAL).unlink()
    with pytest.raises(ValueError, match=r"smooth/seed0 was finished without --external_dir"):
        ablate(variants, 2, workdir, external_dir=ablated[3])
    assert "foreign" not in ablate(variants, 2, workdir)["variants"][0]


def test_predictions_for_other_images_are_not_taken_for_these(ablated, variants, tmp_path):
    shutil.copytree(ablated[3], tmp_path / "external")
    (tmp_path / "external/red/red0.png").unlink()
    with pytest.raises(ValueError, match="has predictions for other images"):
        ablate(variants, 2, ablated[0], external_dir=str(tmp_path / "external"))


def test_external_classes_must_be_known(variants, trained, tmp_path):
    shutil.copytree(trained[1] / "red", tmp_path / "external" / "pink")
    with pytest.raises(ValueError, match=r"not in --data_dir: pink. There are: blue, green, red."):
        ablate(variants, 1, tmp_path / "ablation", external_dir=str(tmp_path / "external"))
    assert not (tmp_path / "ablation").exists()


def test_a_folder_of_another_recipe_is_refused(ablated, variants):
    other = {"recipe": variants["smooth"], "smooth": variants["recipe"]}
    with pytest.raises(ValueError, match=r"another configuration: --label_smoothing=0.3"):
        ablate(other, 2, ablated[0])


def test_the_command_prints_the_table(script, ablated, variants, tmp_path):
    file = tmp_path / "variants.txt"
    file.write_text("# one\n\nsmooth: --label_smoothing=0.3\n")
    data = variants["recipe"]
    done = script(
        "ablate", f"--data_dir={data.data.data_dir}", f"--backbone={data.model.backbone}",
        "--image_size=16", "--batch_size=8", "--head_epochs=3", "--head_learning_rate=0.05",
        "--finetune_epochs=0", "--deterministic", "--accelerator=cpu", f"--variants={file}",
        "--seeds=2", f"--workdir={ablated[0]}", f"--external_dir={ablated[3]}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (ablated[0] / "ablation.md").read_text() in done.stdout
    assert "`--label_smoothing=0.3`" in done.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smooth --ema_momentum=0.9", 'line 1 must be "name: --flag=value ...". Received: smooth'),
        ("smooth: --ema_momentum=2", "line 1: --ema_momentum must be between"),
        ("smooth: --no_such=2", "line 1: Unknown command line flag 'no_such'"),
        ("smooth: ema", "line 1: Not a flag: ema"),
        ("smooth: --ema_momentum=0", "line 1: smooth equals an earlier variant"),
        ("a: --ema_momentum=0.9\na: --ema_momentum=0.8", "line 2: there is already a variant 'a'"),
        ("a: --ema_momentum=0.9\nb: --ema_momentum=0.9", "line 2: b equals an earlier variant"),
    ],
)
def test_a_line_that_is_no_variant_is_refused(script, tmp_path, text, message):
    file = tmp_path / "variants.txt"
    file.write_text(text)
    done = script("ablate", f"--variants={file}", f"--workdir={tmp_path / 'ablation'}")
    assert done.returncode == 1
    assert message in done.stderr
    assert not (tmp_path / "ablation").exists()


def test_the_variants_that_come_along_change_the_best_recipe(script, tmp_path):
    done = script(
        "ablate", "--preset=best", "--backbone=gone.keras",
        "--variants=experiments/ablation.txt", f"--workdir={tmp_path / 'ablation'}",
    )  # fmt: skip
    assert done.returncode == 1
    assert "gone.keras" in done.stderr and "ablation.txt" not in done.stderr
