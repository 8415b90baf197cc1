"""Long-term trust: files of earlier versions predict the same, and a seed decides every byte."""

import filecmp
import json
import shutil

import numpy as np
import pytest

from tests.support import builders, make_fixtures

# What a float runtime may change by its kernels; a step of int8 probabilities is 1/256.
TOLERANCES = {"model_int8.tflite": 0.02}
FORMATS = ("float32", "float16", "dynamic", "int8")
SAME = (
    "metrics.csv", "catalog.json", "features.npz", "model.keras", "predictions/test.csv",
    *(f"export/model_{name}.tflite" for name in FORMATS), "export/labels.txt",
)  # fmt: skip


@pytest.mark.parametrize("name", make_fixtures.FILES)
def test_files_of_an_earlier_version_predict_the_same(name, tmp_path):
    expected = json.loads((make_fixtures.FOLDER / "expected.json").read_text())
    found = make_fixtures.predict(make_fixtures.unpacked(name, tmp_path))
    tolerance = TOLERANCES.get(name, 1e-4)
    np.testing.assert_allclose(found, expected["probabilities"][name], atol=tolerance)
    assert np.ptp(found) > 0.1  # or all models would be the same


@pytest.mark.slow
def test_a_seed_decides_every_byte_in_any_folder_process_and_order_of_files(
    script, toy_backbone, tmp_path
):
    data = builders.write_solid(tmp_path / "data")
    elsewhere = tmp_path / "else where" / "images"
    for path in sorted(data.rglob("*.png"), reverse=True):  # another order in the file system
        (elsewhere / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, elsewhere / path.parent.name)
    runs = tmp_path / "run", tmp_path / "else where" / "the run"
    for run, images, fresh in ((runs[0], data, False), (runs[1], elsewhere, True)):
        train = script(
            "train", f"--data_dir={images}", f"--workdir={run}", f"--backbone={toy_backbone}",
            "--image_size=16", "--batch_size=8", "--head_epochs=2", "--finetune_epochs=1",
            "--deterministic", "--accelerator=cpu", fresh=fresh,
        )  # fmt: skip
        assert train.returncode == 0, train.stderr
        options = (f"--workdir={run}", f"--formats={','.join(FORMATS)}", "--timing_rounds=0")
        export = script("export", *options, fresh=fresh)
        assert export.returncode == 0, export.stderr
    _, different, missing = filecmp.cmpfiles(*runs, SAME, shallow=False)
    assert not different and not missing
