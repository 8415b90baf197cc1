import dataclasses
import shutil

import pytest

from trash_keras.data import splits
from trash_keras.data.catalog import Catalog
from trash_keras.metadata import ModelMetadata
from trash_keras.models import inference
from trash_keras.storage import remote
from trash_keras.training import distillation


@pytest.fixture
def taught(trained, configure, toy_backbone):
    """Makes the configuration and the catalog of a student of the `trained` run."""
    workdir, data, _ = trained

    def make(**changes):
        flags = {"teacher": str(workdir / "model.keras")} | changes
        return configure(data, toy_backbone, **flags), Catalog.load(workdir / "catalog.json")

    return make


def test_a_run_without_a_teacher_has_none(taught, tmp_path):
    assert distillation.find(*taught(teacher="")[:1], tmp_path, taught()[1]) == ()


def test_a_teacher_is_known_by_its_content(taught, trained, tmp_path):
    config, catalog = taught()
    found = distillation.find(config, tmp_path, catalog)
    (teacher,) = found
    assert teacher.image_size == 16 and teacher.path == config.distillation.teacher
    assert teacher.sha256 == remote.checksum(trained[0] / "model.keras")
    distillation.save(found, tmp_path)
    assert distillation.find(config, tmp_path, catalog) == found


def test_several_teachers_keep_the_order_of_the_flag(taught, trained, tmp_path):
    first, second = (tmp_path / name for name in ("a.keras", "b.keras"))
    for path in (first, second):
        shutil.copy(trained[0] / "model.keras", path)
    config, catalog = taught(teacher=f"{second},{first}")
    found = distillation.find(config, tmp_path, catalog)
    assert [teacher.path for teacher in found] == [str(second), str(first)]
    with pytest.raises(ValueError, match=r"There is no model at gone.keras"):
        distillation.find(taught(teacher=f"{second},gone.keras")[0], tmp_path, catalog)
    distillation.save(found, tmp_path)
    with pytest.raises(ValueError, match="began with another teacher"):
        distillation.find(taught(teacher=str(second))[0], tmp_path, catalog)


def test_a_resumed_run_refuses_another_teacher(taught, trained, tmp_path):
    model = shutil.copy(trained[0] / "model.keras", tmp_path)
    config, catalog = taught(teacher=str(model))
    distillation.save(distillation.find(config, tmp_path, catalog), tmp_path)
    other = dataclasses.replace(ModelMetadata.read(model), threshold=0.3)
    inference.save(inference.load(model), other, model)
    with pytest.raises(ValueError, match="began with another teacher than the one now at"):
        distillation.find(config, tmp_path, catalog)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": "gone.keras"}, "There is no model at gone.keras"),
        ({"resize": "pad"}, "--resize must be that of the teacher, stretch. Received: pad"),
        ({"deterministic_reads": False}, "needs --deterministic_reads"),
        ({"finetune_epochs": 0}, "head phase learns from labels.*--finetune_epochs above 0"),
        ({"distillation_alpha": 1.5}, "--distillation_alpha must be between 0 and 1"),
        (
            {"distillation_temperature": 0.0},
            "--distillation_temperature must be between 0.05 and 20",
        ),
    ],
)
def test_what_cannot_be_taught_is_refused(taught, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        distillation.find(taught(**changes)[0], tmp_path, taught()[1])


def test_a_teacher_of_other_classes_is_refused(taught, tmp_path):
    config, catalog = taught()
    other = dataclasses.replace(catalog, class_names=("blue", "red", "green"))
    message = "tells blue, green, red apart, the data has blue, red, green"
    with pytest.raises(ValueError, match=message):
        distillation.find(config, tmp_path, other)


def test_only_a_keras_file_teaches(taught, trained, tmp_path):
    model = shutil.copy(trained[0] / "model.keras", tmp_path / "model.tflite")
    with pytest.raises(ValueError, match=r"--teacher takes the model.keras of a run"):
        distillation.find(taught(teacher=str(model))[0], tmp_path, taught()[1])


def test_a_teacher_that_was_trained_on_test_images_is_refused(taught, trained, tmp_path):
    config, _ = taught()
    other = splits.split(trained[1], "stratified", seed=1)
    with pytest.raises(ValueError, match=r"trained on \d+ images of this run's (valid|test)"):
        distillation.find(config, tmp_path, other)
    alone = shutil.copy(trained[0] / "model.keras", tmp_path)  # nobody knows what it has seen
    assert distillation.find(taught(teacher=str(alone))[0], tmp_path, other)
