"""Every way in that takes a model refuses a crafted one in one line, with exit status 1."""

import pytest

from tests.support import builders, hostile_models

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(good, tmp_path_factory):
    """Crafted models by name, images, and a run whose model was replaced."""
    folder = tmp_path_factory.mktemp("verbs")
    keras = good / "model.keras"

    def lambda_layer(settings):
        hostile_models.first_layer(settings, "Conv2D")["class_name"] = "Lambda"

    made = {
        "lambda": hostile_models.with_config(keras, folder / "lambda.keras", lambda_layer),
        "nan": hostile_models.with_metadata(
            good / "model.tflite", folder / "nan.tflite", threshold=float("nan")
        ),
        "classes": hostile_models.with_metadata(
            good / "model.tflite", folder / "classes.tflite", class_names=("a", "b")
        ),
        "resize": hostile_models.with_metadata(
            good / "model.tflite", folder / "resize.tflite", resize="\x1b[31m"
        ),
        "program": hostile_models.write_saved_model(
            folder / "program", hostile_models.write_file(folder / "ran")
        ),
        "h5": folder / "model.h5",
        "photo": hostile_models.write_photo(folder / "photo.png"),
        "data": builders.write_solid(folder / "data"),
        "run": folder / "run",
        "new": folder / "new",
        "ran": folder / "ran",
    }
    made["h5"].write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    made["run"].mkdir()
    (made["run"] / "model.keras").write_bytes(made["lambda"].read_bytes())
    return made


LISTED = "not among Keras' own layers"


@pytest.mark.parametrize(
    ("verb", "flags", "words"),
    [
        ("predict", ("--model={lambda}", "{photo}"), LISTED),
        ("predict", ("--model={program}", "{photo}"), "WriteFile"),
        ("predict", ("--model={h5}", "{photo}"), "keras.models.load_model"),
        ("predict", ("--model={classes}", "{photo}"), "2 classes"),
        ("predict", ("--model={nan}", "--trust_model", "{photo}"), "threshold must be"),
        ("evaluate", ("--model={lambda}", "--data_dir={data}", "--output={new}"), LISTED),
        ("evaluate", ("--model={program}", "--data_dir={data}", "--output={new}"), "WriteFile"),
        ("serve", ("--model={nan}", "--port=0"), "threshold must be"),
        ("serve", ("--model={classes}", "--port=0"), "2 classes"),
        ("serve", ("--model={resize}", "--port=0"), "resize must be"),
        ("serve", ("--model={lambda}", "--port=0"), LISTED),
        ("serve", ("--model={program}", "--port=0"), "WriteFile"),
        ("demo", ("--model={nan}", "--port=0"), "threshold must be"),
        ("benchmark", ("{program}", "--rounds=1"), "WriteFile"),
        ("export", ("--workdir={run}",), LISTED),
        ("train", ("--data_dir={data}", "--workdir={new}", "--image_size=16",
                   "--init={lambda}"), LISTED),
        ("train", ("--data_dir={data}", "--workdir={new}", "--image_size=16",
                   "--init={h5}"), "keras.models.load_model"),
        ("train", ("--data_dir={data}", "--workdir={new}", "--image_size=16",
                   "--backbone={h5}"), "keras.models.load_model"),
    ],
)  # fmt: skip
def test_a_crafted_model_is_one_line(script, files, verb, flags, words):
    done = script(verb, *[flag.format(**files) for flag in flags])
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in done.stderr and "\x1b" not in done.stderr
    assert words in line
    assert not files["ran"].exists()
