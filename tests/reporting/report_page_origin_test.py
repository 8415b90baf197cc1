"""The report page: model files, data, and how to reproduce the run."""

import shlex
import subprocess

import numpy as np
import pytest

from tests.support import report_parts
from tests.support.html_page import HtmlPage


def test_model_files_are_listed_with_what_is_known_of_them(written, full):
    text = HtmlPage(written(full, model_files=report_parts.MODEL_FILES)).text
    assert "Format File Size Accuracy (test) Largest difference keras" in text
    assert "keras model.keras 14.2 MB 93.0% \u2013 float32" in text
    assert "float32 export/model_float32.tflite 13.5 MB \u2013 2.9e-06" in text
    quick = [{**report_parts.MODEL_FILES[0], "latency": "8.1 ms"}]
    text = HtmlPage(written(full, model_files=quick)).text
    assert "Accuracy (test) Latency keras model.keras 14.2 MB 93.0% 8.1 ms" in text
    assert "trash-keras export writes files for servers and phones" in text


def test_files_left_out_are_counted_and_listed(written, full):
    full["bad_files"] = [f"glass/bad{i:03}.jpg" for i in range(203)]
    text = HtmlPage(written(full)).text
    assert "203 files could not be decoded and were left out." in text
    assert "glass/bad199.jpg" in text and "glass/bad200.jpg" not in text
    assert "And 3 more." in text


def test_a_label_map_and_classes_without_images_are_shown(written, full, predicted):
    full["label_map"] = {"classes": {"jar": "glass", "sofa": None, "unseen": None},
                         "left_out": {"sofa": 12}}  # fmt: skip
    matrix = np.diag([50, 50, 0, 50, 50, 50])  # no metal
    full["test"] = predicted(report_parts.ORIGINAL, matrix).score()
    text = HtmlPage(written(full)).text
    assert "jar → glass sofa → left out: 12 images unseen → left out 12 images were" in text
    assert "metal \u2013 \u2013 \u2013 0" in text and "glass 100.0% 100.0% 1.000 50" in text


def test_it_says_how_to_reproduce_the_run(written, full):
    parsed = HtmlPage(written(full, epochs=report_parts.EPOCHS))
    (commands,) = parsed.texts["pre"]
    assert commands.splitlines() == [
        "git checkout 0123456789ab",
        "trash-keras train \\", "    --seed=7 \\", "    '--runner_options=--a --b'",
    ]  # fmt: skip
    shown = subprocess.run(
        ["bash", "-c", "printf '%s\n' " + commands.split("\n", 1)[1]],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shown.stdout.splitlines() == shlex.split(report_parts.RUN["command"])
    assert "git revision 0123456789ab machine Linux seed 7" in parsed.text
    assert "backbone lite.keras image size 64 seed 7 best epoch 3, by validation" in parsed.text


@pytest.mark.parametrize("revision", [None, "0123456789ab-dirty"])
def test_what_was_never_committed_cannot_be_checked_out(written, full, revision):
    text = written(full | {"run": report_parts.RUN | {"git_revision": revision}})
    assert "git checkout" not in text


def test_an_odd_command_is_shown_as_it_is(written, full):
    text = written(full | {"run": report_parts.RUN | {"command": "train 'never closed"}})
    assert "train &#39;never closed</pre>" in text


def test_configuration_is_folded(written, full):
    parsed = HtmlPage(written(full))
    assert parsed.all("details") == [{}]
    assert "Configuration data batch_size 32 split_dir none image_size 64 model" in parsed.text
