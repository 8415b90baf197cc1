import io

import pytest
from PIL import Image

from trash_keras.reporting import parity_page


def row(**changes):
    return {
        "path": "model_int8.tflite", "bytes": 4_900_000, "ece": 0.031,
        "accuracy": 0.9, "accuracy_interval": [0.8, 0.95],
        "agreement": 0.991, "answer_agreement": 0.98,
        "max_difference": 0.31, "mean_difference": 0.004, "worst": [], **changes,
    }  # fmt: skip


def given(label, name, probability):
    return {"label": label, "class": name, "probability": probability}


@pytest.fixture
def facts():
    worst = [
        {"file": "<b>/a.png", "truth": "<b>", "difference": 0.31,
         "expected": given("<b>", "<b>", 0.912), "answered": given("unsure", "metal", 0.5)},
        {"file": "gone.png", "truth": "metal", "difference": 0.1,
         "expected": given("metal", "metal", 0.8), "answered": given("metal", "metal", 0.7)},
    ]  # fmt: skip
    latency = {f"threads_{n}": {"p50_ms": 8.26 / n, "p95_ms": 10.0 / n} for n in (1, 2)}
    return {
        "compared_pictures": 431,
        "machine": {"cpu": "A CPU", "cores": 2, "system": "Linux"},
        "kinds": {
            "old": {"path": "old", "bytes": 1, "max_difference": 0},
            "float32": row(agreement=1.0, answer_agreement=1.0, max_difference=2e-6),
            "int8": row(worst=worst, latency=latency, peak_memory_mb=84.4),
        },
        "refused": {},
    }


def read(files):
    image = io.BytesIO()
    Image.new("RGB", (4, 4)).save(image, "PNG")
    return {"<b>/a.png": image.getvalue()}


def written(path, facts):
    parity_page.write_page(path, facts, read)
    return path.read_text()


def test_tables_and_images_are_shown(tmp_path, facts):
    text = written(tmp_path / "parity.html", facts)
    assert "99.1%" in text.split("<main>")[0] and "431 test images" in text
    for part in ("4.9 MB", "80.0% to 95.0%", "98.0%", "3.1e-01", "0.031", "2.0e-06", "84 MB",
                 "8.3 ms", "4.1 ms", "10.0 ms", "Median, 1 thread", "p95, 2 threads",
                 "A CPU"):  # fmt: skip
        assert part in text, part
    assert "Keras: &lt;b&gt; 91.2%" in text and "int8: unsure (metal 50.0%)" in text
    assert text.count("data:image/jpeg") == 1 and text.count("not readable") == 1
    assert "<b>" not in text and "not shipped" not in text
    assert "<td>old" not in text and 'id="old"' not in text
    assert (
        "Nowhere: no image gets another prediction" in text.split('id="float32"')[1].split("id=")[0]
    )


def test_images_that_are_no_test_split_are_not_called_so(tmp_path, facts):
    text = written(tmp_path / "parity.html", facts | {"compared_split": "all"})
    assert "431 images that the model was fitted to" in text
    assert "test images" not in text and "test split" not in text


def test_without_timings_there_is_no_table_of_speed(tmp_path, facts):
    del facts["kinds"]["int8"]["latency"], facts["machine"]
    assert "Speed and memory" not in written(tmp_path / "parity.html", facts)


def test_a_refused_format_comes_first(tmp_path, facts):
    facts["refused"] = {"int4": row(agreement=0.5, min_agreement=0.98)}
    text = written(tmp_path / "parity.html", facts)
    assert "<strong>int4 was not shipped</strong>: it agrees with Keras on 50.0%" in text
    assert "50.0%" in text.split("<main>")[0]
    assert text.index('id="int4"') < text.index('id="float32"')
    said = parity_page.refusal(facts["refused"])
    assert "--min_agreement=0.98" in said and said.endswith("int4 (50.0%).")


def test_a_summary_is_one_line(facts):
    line = parity_page.summary("int8", facts["kinds"]["int8"])
    assert line == (
        "int8: model_int8.tflite, 4.9 MB, test accuracy 90.0% (95% interval 80.0% to 95.0%), "
        "same class as Keras 99.1%, largest difference 3.1e-01, 8.3 ms (1 thread), 4.1 ms "
        "(2 threads)"
    )
    assert parity_page.summary("float32", facts["kinds"]["float32"]).endswith("2.0e-06")
