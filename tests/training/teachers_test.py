import dataclasses
import shutil

import pytest

from trash_keras import storage
from trash_keras.contract import Contract
from trash_keras.data import splits
from trash_keras.data.catalog import Catalog
from trash_keras.modeling import answering
from trash_keras.training import teachers


@pytest.fixture
def taught(trained, configure, toy_backbone):
    """Makes the configuration and the catalog of a student of the `trained` run."""
    workdir, data, _ = trained

    def make(**changes):
        flags = {"teacher": str(workdir / "model.keras")} | changes
        return configure(data, toy_backbone, **flags), Catalog.load(workdir / "catalog.json")

    return make


def test_a_run_without_a_teacher_has_none(taught, tmp_path):
    assert teachers.find(*taught(teacher="")[:1], tmp_path, taught()[1]) == ()


def test_a_teacher_is_known_by_its_content(taught, trained, tmp_path):
    config, catalog = taught()
    found = teachers.find(config, tmp_path, catalog)
    (teacher,) = found
    assert teacher.image_size == 16 and teacher.path == config.distillation.teacher
    assert teacher.sha256 == storage.checksum(trained[0] / "model.keras")
    teachers.save(found, tmp_path)
    assert teachers.find(config, tmp_path, catalog) == found


def test_several_teach_in_the_order_of_the_flag(taught, trained, tmp_path):
    first, second = (tmp_path / name for name in ("a.keras", "b.keras"))
    for path in (first, second):
        shutil.copy(trained[0] / "model.keras", path)
    config, catalog = taught(teacher=f"{second},{first}")
    found = teachers.find(config, tmp_path, catalog)
    assert [teacher.path for teacher in found] == [str(second), str(first)]
    with pytest.raises(ValueError, match=r"There is no model at gone.keras"):
        teachers.find(taught(teacher=f"{second},gone.keras")[0], tmp_path, catalog)
    teachers.save(found, tmp_path)
    with pytest.raises(ValueError, match="began with another teacher"):
        teachers.find(taught(teacher=str(second))[0], tmp_path, catalog)


def test_a_resumed_run_refuses_another_teacher(taught, trained, tmp_path):
    model = shutil.copy(trained[0] / "model.keras", tmp_path)
    config, catalog = taught(teacher=str(model))
    teachers.save(teachers.find(config, tmp_path, catalog), tmp_path)
    other = dataclasses.replace(Contract.read(model), threshold=0.3)
    answering.save(answering.load(model), other, model)
    with pytest.raises(ValueError, match="began with another teacher than what now lies at"):
        teachers.find(config, tmp_path, catalog)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": "gone.keras"}, "There is no model at gone.keras"),
        ({"resize": "pad"}, "--resize must be that of the teacher, stretch. Received: pad"),
        ({"ordered_reads": False}, "needs --ordered_reads"),
        ({"finetune_epochs": 0}, "head phase learns from labels.*--finetune_epochs above 0"),
        ({"teacher_share": 1.5}, "--teacher_share must be between 0 and 1"),
        ({"teacher_temperature": 0.0}, "--teacher_temperature must be between 0.05 and 20"),
    ],
)
def test_what_cannot_be_taught_is_refused(taught, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        teachers.find(taught(**changes)[0], tmp_path, taught()[1])


def test_a_teacher_of_other_classes_is_refused(taught, tmp_path):
    config, catalog = taught()
    other = dataclasses.replace(catalog, class_names=("blue", "red", "green"))
    message = "tells blue, green, red apart, the data has blue, red, green"
    with pytest.raises(ValueError, match=message):
        teachers.find(config, tmp_path, other)


def test_only_a_keras_file_teaches(taught, trained, tmp_path):
    model = shutil.copy(trained[0] / "model.keras", tmp_path / "model.tflite")
    with pytest.raises(ValueError, match=r"--teacher must be the model.keras of a run"):
        teachers.find(taught(teacher=str(model))[0], tmp_path, taught()[1])


def test_a_teacher_that_knows_the_test_pictures_is_refused(taught, trained, tmp_path):
    config, _ = taught()
    other = splits.split(trained[1], "stratified", seed=1)
    with pytest.raises(ValueError, match=r"trained on \d+ pictures of this run's (valid|test)"):
        teachers.find(config, tmp_path, other)
    alone = shutil.copy(trained[0] / "model.keras", tmp_path)  # nobody knows what it has seen
    assert teachers.find(taught(teacher=str(alone))[0], tmp_path, other)
