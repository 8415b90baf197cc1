import pytest

from tests.support.report_parts import ORIGINAL
from trash_keras.config import Config
from trash_keras.data.trashnet import COUNTS
from trash_keras.reporting import identity

DATE = "2026-01-02 03:04 UTC"


def test_a_run_has_data_split_backbone_folder_and_date(scored):
    config = Config().to_dict()
    config["data"]["data_dir"] = "/home/someone/photos"
    report = {"class_names": ["a", "b"], "test": scored(["a", "b"]), "config": config,
              "run": {"date": DATE, "data_set": "photos"}}  # fmt: skip
    parts = identity.line(report, {"test": {"a": 50, "b": 50}}, "mine")
    assert parts == ["photos", "test split", "ResNet50", "run mine", DATE]
    report["run"] = {}  # of an earlier version
    assert identity.line(report, {}, "mine") == parts[:-1]


def test_an_evaluation_names_its_model_file(scored):
    run = {"date": DATE, "data_set": "home, work", "model": "model_int8.tflite"}
    report = {"class_names": ORIGINAL, "all": scored(ORIGINAL), "run": run}
    # Several sources are not TrashNet, whatever their numbers.
    parts = identity.line(report, {"all": COUNTS}, "")
    assert parts == ["home, work", "all images", "model_int8.tflite", DATE]


def test_trashnet_is_recognized_by_its_numbers(scored):
    report = {"class_names": ORIGINAL, "test": scored(ORIGINAL)}
    assert identity.line(report, {"test": COUNTS}, "r")[0] == "TrashNet"


@pytest.mark.parametrize(
    ("data_dir", "name"),
    [
        ("/home/someone/photos/", "photos"),
        ("tfds:beans", "tfds:beans"),
        ("https://me:secret@host/a/photos?key=secret", "photos"),
        ("a/home,WORK=b/other", "home, WORK"),
    ],
)
def test_of_a_path_only_its_end_is_told(data_dir, name):
    assert identity.data_set(data_dir) == name
