import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tools import pretrained_card
from trash_keras import pretrained
from trash_keras.data import catalog, trashnet
from trash_keras.data.trashnet import official_lists
from trash_keras.metadata import ModelMetadata
from trash_keras.predictor import Predictor
from trash_keras.storage import remote

ROOT = Path(__file__).parents[1]
IMAGES = ROOT.parent / "shared" / "trashnet" / "images"
FIGURES = json.loads((pretrained.FOLDER / pretrained.FIGURES_NAME).read_text())


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "grey.png"
    Image.new("RGB", (64, 48), (120, 130, 110)).save(path)
    return str(path)


def test_the_card_has_the_recorded_figures():
    card = (pretrained.FOLDER / pretrained.CARD_NAME).read_text(encoding="utf-8")
    assert card == pretrained_card.render(FIGURES)
    assert f"{FIGURES['test']['accuracy']:.1%} of TrashNet" in card


def test_the_figures_are_of_this_file():
    path = pretrained.path()
    assert FIGURES["sha256"] == remote.checksum(str(path))
    assert FIGURES["bytes"] == path.stat().st_size <= 6e6
    metadata = ModelMetadata.read(path)
    assert FIGURES["metadata"] == json.loads(json.dumps(dataclasses.asdict(metadata)))
    assert metadata.class_names == tuple(sorted(trashnet.COUNTS)) and metadata.tta == 1
    assert 0 < metadata.threshold < 1


@pytest.mark.slow
@pytest.mark.skipif(not IMAGES.is_dir(), reason="needs TrashNet in ../shared/trashnet")
def test_it_scores_what_is_recorded():
    files = catalog.scan(IMAGES)
    test = official_lists.predefined_splits(files, official_lists.LISTS_DIR)["test"]
    truth = [name for name, files in test.items() for _ in files]
    paths = [str(IMAGES / file) for files in test.values() for file in files]
    predictions = list(Predictor.load(pretrained.path()).predict_stream(paths))
    right = [
        prediction.top_k(1)[0][0] == name
        for prediction, name in zip(predictions, truth, strict=True)
    ]
    assert sum(right) / len(right) == pytest.approx(FIGURES["test"]["accuracy"])
    given = sum(prediction.label != "unsure" for prediction in predictions)
    assert given / len(right) == pytest.approx(FIGURES["test"]["abstention"]["coverage"])


@pytest.mark.slow
def test_predict_takes_it_where_no_model_is_given(script, image):
    done = script("predict", "--format=json", image)
    assert done.returncode == 0, done.stderr
    (expected,) = Predictor.load(pretrained.path()).predict_stream([image])
    assert json.loads(done.stdout) == expected.to_dict()


def test_a_package_without_it_asks_for_another(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"No model came with this package .* --model=FILE"):
        pretrained.path()


@pytest.mark.slow
def test_the_extra_runtime_is_enough(copy_working_tree, tmp_path, image):
    """What README.md promises: no TensorFlow, no training, no download of a model."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    probe = [*pip, "download", "--quiet", "--no-deps", f"--dest={tmp_path / 'probe'}", "absl-py"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("pip reaches no package index")
    # pip builds in the folder that it is given, so it gets a copy.
    source = copy_working_tree(tmp_path / "source")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv/bin/python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, f"{source}[runtime]"], check=True)

    def run(*arguments):
        return subprocess.run(
            [python, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300
        )

    installed = json.loads(run("-m", "pip", "list", "--format=json").stdout)
    heavy = {"tensorflow", "keras", "scikit-learn", "matplotlib", "wandb", "scipy"}
    assert not heavy & {one["name"] for one in installed}
    done = run("-m", "trash_keras", "predict", "--format=json", image)
    assert done.returncode == 0, done.stderr
    (expected,) = Predictor.load(pretrained.path()).predict_stream([image])
    assert json.loads(done.stdout)["probabilities"] == pytest.approx(expected.probabilities)
    other = run("-m", "trash_keras", "predict", f"--model={tmp_path / 'x.keras'}", image)
    assert other.returncode == 1 and "pip install '.[train]'" in other.stderr
