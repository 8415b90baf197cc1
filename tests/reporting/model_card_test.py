import re
import shutil

import pytest
from huggingface_hub import ModelCard

from trash_keras.config import Config
from trash_keras.data.trashnet import COUNTS
from trash_keras.reporting import model_card

ORIGINAL = list(COUNTS)
RUN = {
    "command": "trash-keras train --seed=7",
    "git_revision": "0123456789ab",
    "keras": "3.15.1",
    "best_epoch": 6,
    "best_phase": "finetune",
    "data_source": None,
}


@pytest.fixture
def report(scored):
    return {
        "class_names": ORIGINAL,
        "valid": scored(ORIGINAL, 40, 10),
        "test": scored(ORIGINAL),
        "bad_files": [],
        "config": Config().to_dict(),
        "run": RUN,
    }


def counts(**changes):
    whole = dict(COUNTS) | changes
    return {"valid": dict.fromkeys(whole, 10), "test": {n: c - 10 for n, c in whole.items()}}


def written(tmp_path, report, numbers=None, model_files=()):
    path = tmp_path / "MODEL_CARD.md"
    model_card.write(path, report, numbers or counts(), model_files)
    return path.read_text(encoding="utf-8")


def test_hugging_face_reads_its_front_matter(tmp_path, report):
    card = ModelCard(written(tmp_path, report)).data
    assert (card.license, card.library_name, card.pipeline_tag) == (
        "mit", "keras", "image-classification"
    )  # fmt: skip
    assert card.datasets == ["garythung/trashnet"] and card.metrics == ["accuracy", "f1"]
    assert card.model_name == "trash-keras-resnet50"
    results = {result.metric_type: result for result in card.eval_results}
    scores = report["test"]
    assert results["accuracy"].metric_value == pytest.approx(scores["accuracy"], abs=1e-4)
    assert results["f1"].metric_value == pytest.approx(scores["macro_f1"], abs=1e-4)
    assert results["ece"].metric_value == pytest.approx(scores["ece"], abs=1e-4)
    assert results["brier_score"].metric_value == pytest.approx(scores["brier"], abs=1e-4)
    assert {result.dataset_split for result in card.eval_results} == {"test"}
    assert results["accuracy"].dataset_type == "garythung/trashnet"


def test_it_tells_use_data_protocol_results_calibration_and_limits(tmp_path, report):
    text = written(tmp_path, report)
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["Intended use", "Use", "Data", "Protocol", "Results", "Calibration",
                        "Limits"]  # fmt: skip
    low, high = report["test"]["accuracy_interval"]
    interval = f"{low:.1%} to {high:.1%}"
    assert (
        f"**98.3% of 300 test images** are classified correctly (95% interval {interval})" in text
    )
    assert f"| test | 300 | 98.3% | {interval} | 0.983 |" in text
    assert "| cardboard | 10 | 393 |" in text
    assert "(7, phase finetune)" in text and "- keras: 3.15.1" in text
    assert "    git checkout 0123456789ab\n    trash-keras train --seed=7\n" in text
    assert "The weakest class is “cardboard”: 90.0% of its 50 test images are recognized" in text
    assert "The main confusion: 5 of 50 images of “cardboard” are taken for “glass”." in text
    assert "(figures/confusion_matrix_test.png)" in text


@pytest.mark.parametrize(
    ("changes", "bad_files", "source", "expected"),
    [
        ({}, [], None, "TrashNet"),
        ({"glass": COUNTS["glass"] - 1}, ["glass/broken.jpg"], None, "TrashNet"),
        ({"glass": COUNTS["glass"] - 1}, [], None, "my photos"),
        ({}, [], "synthetic, 400 images a class, seed 0", "Synthetic images in place of TrashNet"),
    ],
)
def test_only_trashnet_is_called_trashnet(tmp_path, report, changes, bad_files, source, expected):
    report["config"]["data"]["data_dir"] = "/home/someone/my photos/"
    report |= {"bad_files": bad_files, "run": RUN | {"data_source": source}}
    text = written(tmp_path, report, counts(**changes))
    card = ModelCard(text).data
    assert card.eval_results[0].dataset_name == expected
    assert (card.datasets == ["garythung/trashnet"]) == (expected == "TrashNet")
    assert card.license == ("other" if expected == "my photos" else "mit")
    assert "someone" not in text


def test_names_cannot_break_the_card(tmp_path, scored, report):
    evil = "a|b\n---\n# <b>`x`"
    names = [evil, 'c"d: {e}']
    config = Config().to_dict()
    config["data"]["data_dir"] = 'x/"y: {z'
    config["model"]["backbone"] = 'folder/my "net": 1.keras'
    report |= {"class_names": names, "valid": scored(names), "test": scored(names)}
    report |= {"config": config, "run": RUN | {"command": "one\ntwo"}}
    text = written(tmp_path, report, {"test": dict.fromkeys(names, 3)})
    card = ModelCard(text).data
    assert card.eval_results[0].dataset_name == '"y: {z'
    assert card.model_name == "trash-keras-my-net-1"
    table = [line for line in text.splitlines() if line.startswith("| a")]
    assert len(table) == 2 and all(r"a\|b --- \# \<b\>\`x\`" in line for line in table)
    assert "    one\n    two\n" in text and "<b>" not in text.replace(r"\<b\>", "")


def test_a_revision_that_was_never_committed_is_not_to_be_checked_out(tmp_path, report):
    report["run"] = RUN | {"git_revision": "0123456789ab-dirty"}
    assert "git checkout" not in written(tmp_path, report)


def test_model_files_are_listed(tmp_path, report):
    row = {"format": "int8", "path": "export/m.tflite", "bytes": 5_000_000, "accuracy": None,
           "agreement": None, "max_difference": 0.01, "latency": None,
           "tried": "LiteRT 9"}  # fmt: skip
    text = written(tmp_path, report, model_files=[row])
    assert "| int8 | `export/m.tflite` | 5.0 | \u2013 | \u2013 | 1.0e-02 |" in text
    assert "\n- int8: LiteRT 9\n" in text
    assert "tried with" not in written(tmp_path, report, model_files=[row | {"tried": None}])


@pytest.mark.parametrize(
    ("threshold", "scaling", "said"),
    [
        (0.7, True, "Images with features unlike those of the training images lose confidence"),
        (0.7, False, "They are unsure where the confidence is low; the rest get the name"),
        (0.0, True, "Each gets the name of a class, some with high confidence."),
    ],
)
def test_it_says_of_other_things_what_the_model_does(tmp_path, report, threshold, scaling, said):
    report["config"]["answering"]["ood_scaling"] = scaling
    report["answering"] = {"temperature": 1.0, "threshold": threshold, "set_threshold": None,
                           "tta": 1}  # fmt: skip
    text = written(tmp_path, report)
    assert f"(out-of-distribution, OOD). {said}" in text
    assert ("evaluate --ood_dir=FOLDER" in text) == (threshold > 0)
    assert ("or “unsure” (selective classification), for any image" in text) == (threshold > 0)


@pytest.mark.slow
def test_its_snippets_run(trained, tmp_path, monkeypatch, capsys):
    workdir, data, _ = trained
    monkeypatch.chdir(tmp_path)
    shutil.copy(workdir / "model.keras", "model.keras")
    shutil.copy(data / "red" / "red0.png", "photo.jpg")
    text = (workdir / "MODEL_CARD.md").read_text(encoding="utf-8")
    ours, plain = re.findall("```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(ours, names)
    assert names["prediction"].words in capsys.readouterr().out
    exec(plain, names)
    assert names["probabilities"].shape == (1, 3)
    assert names["probabilities"].sum() == pytest.approx(1, abs=1e-5)
