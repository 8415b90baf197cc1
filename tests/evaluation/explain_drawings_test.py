import json
import shutil

import numpy as np
import pytest
from PIL import Image

from trash_keras.evaluation import explain
from trash_keras.evaluation.explain import Explainer
from trash_keras.predictor import Prediction, Predictor


@pytest.fixture(scope="module")
def explainer(trained):
    return Explainer.load(trained[0] / "model.keras")


def predictions(trained, *files):
    return Predictor.load(trained[0] / "model.keras").predict_stream(list(map(str, files)))


def test_each_prediction_gets_a_drawing_of_its_own(trained, explainer, tmp_path):
    _, data, _ = trained
    other = tmp_path / "other" / "red0.png"
    other.parent.mkdir()
    shutil.copy(data / "red" / "red0.png", other)
    files = [data / "red" / "red0.png", data / "blue" / "blue0.png", other]
    found = list(explain.draw(explainer, predictions(trained, *files), tmp_path / "new"))
    assert [prediction.file for prediction in found] == list(map(str, files))
    assert [prediction.top_k(1)[0][0] for prediction in found] == ["red", "blue", "red"]
    drawn = [prediction.explanation for prediction in found]
    assert len(set(drawn)) == 3 == len(list((tmp_path / "new").iterdir()))
    assert all("red0-" in drawn[n] for n in (0, 2))
    for path in drawn:
        with Image.open(path) as image:
            assert image.format == "JPEG" and image.width > 1000
            image.load()
    assert json.loads(json.dumps(found[0].to_dict()))["explanation"] == drawn[0]
    again = list(explain.draw(explainer, predictions(trained, *files), tmp_path / "new"))
    assert [prediction.explanation for prediction in again] == drawn


def test_without_a_drawing_there_is_no_explanation():
    assert "explanation" not in Prediction("a.jpg", {"a": 1.0}).to_dict()


def test_bad_files_keep_their_errors_and_stop_nothing(trained, explainer, tmp_path, monkeypatch):
    _, data, _ = trained
    (tmp_path / "bad.jpg").write_bytes(b"text")
    fleeting = tmp_path / "fleeting.png"
    shutil.copy(data / "red" / "red0.png", fleeting)
    files = [tmp_path / "bad.jpg", fleeting, data / "blue" / "blue0.png"]
    classified = list(predictions(trained, *files))
    assert not classified[1].error
    fleeting.unlink()
    found = list(explain.draw(explainer, classified, tmp_path / "new"))
    assert found[0] == classified[0] and "not a JPEG" in found[0].error
    assert "No such file" in found[1].error
    assert found[1].to_dict() == {"file": str(fleeting), "error": found[1].error}
    assert found[2].explanation and len(list((tmp_path / "new").iterdir())) == 1


def test_any_file_name_leads_to_a_name_that_can_be_written(trained, explainer, tmp_path):
    source = trained[1] / "red" / "red0.png"
    names = ["a b$c.png", "ö" * 100 + ".png", "odd\udcff.png", "line\nbreak.png"]
    for name in names:
        shutil.copy(source, tmp_path / name)
    files = [tmp_path / name for name in names]
    found = explain.draw(explainer, predictions(trained, *files), tmp_path / "new")
    drawn = [prediction.explanation for prediction in found]
    assert len({*drawn}) == 4 == len(list((tmp_path / "new").iterdir()))
    assert all(path.encode().decode().isprintable() for path in drawn)


def test_more_predictions_than_a_batch_are_drawn_as_they_come(explainer, tmp_path, monkeypatch):
    monkeypatch.setattr(explain, "BATCH_SIZE", 2)
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield Prediction(str(tmp_path / "image.png"), {"red": 1.0})

    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "image.png")
    found = explain.draw(explainer, endless(), tmp_path / "new")
    for _ in range(3):
        assert next(found).explanation
    assert len(taken) == 4
    found.close()


@pytest.mark.slow
def test_the_script_names_its_drawings(trained, tmp_path, script):
    workdir, data, _ = trained
    model, maps = f"--model={workdir / 'model.keras'}", f"--explain={tmp_path / 'maps'}"
    (tmp_path / "bad.jpg").write_bytes(b"text")
    done = script("predict", model, maps, "--format=json", data / "red", tmp_path / "bad.jpg")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "bad.jpg: not" in done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    drawn = list((tmp_path / "maps").glob("[!.]*"))
    assert len({row["explanation"] for row in rows}) == 12 == len(drawn)
    done = script("predict", model, maps, data / "red" / "red0.png")
    assert done.stdout.rstrip().endswith(f" -> {rows[0]['explanation']}")


@pytest.mark.slow
def test_a_wrong_flag_is_one_line(trained, tmp_path, script):
    workdir, data = shutil.copytree(trained[0], tmp_path / "run"), trained[1]
    script("export", f"--workdir={workdir}", "--formats=float32", "--timing_rounds=0")
    tflite = workdir / "export" / "model_float32.tflite"
    for arguments, message in (
        ((f"--model={tflite}", f"--explain={tmp_path}"), "need the gradients of a .keras file"),
        ((f"--model={workdir}/model.keras", f"--explain={data}/red/maps"), "Give a folder outside"),
        ((f"--model={workdir}/model.keras", f"--explain={tmp_path}", "--runner=DirectRunner",
          f"--output={tmp_path}/out"), "--explain changes nothing with --runner"),
    ):  # fmt: skip
        done = script("predict", *arguments, data / "red", fresh=True)
        assert done.returncode == 1 and not done.stdout
        assert message in done.stderr and done.stderr.count("\n") == 1, done.stderr
