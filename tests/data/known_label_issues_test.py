import dataclasses
import json

import pytest

from trash_keras.data import known_label_issues
from trash_keras.data.catalog import Catalog

CATALOG = Catalog(
    ("glass", "metal"),
    {
        "train": {"glass": ("glass/1.jpg",), "metal": ("metal/1.jpg", "metal/2.jpg")},
        "test": {"glass": ("glass/9.jpg", "glass/8.jpg"), "metal": ("metal/9.jpg",)},
    },
    label_conflicts=(("glass/9.jpg", "metal/1.jpg", "metal/2.jpg"),),
)


def same(*files, across_classes=True):
    return {"files": [{"file": file} for file in files], "across_classes": across_classes}


def audit_file(tmp_path, **changes):
    found = {"file": "metal/9.jpg", "suggestion": "glass", "probability_of_suggestion": 0.9}
    audit = {
        "exact_duplicates": [same("glass/9.jpg", "metal/1.jpg")],
        "near_duplicates": [same("glass/8.jpg", "metal/9.jpg"),
                            same("metal/1.jpg", "metal/2.jpg", across_classes=False)],
        "doubtful_labels": {"accuracy": 0.9, "found": [found, {**found, "file": "gone.jpg"}]},
        "groups": [],
        **changes,
    }  # fmt: skip
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(audit))
    return path


def test_equal_images_of_other_classes_are_reasons():
    found = known_label_issues.find(CATALOG)
    assert found["glass/9.jpg"] == [
        {"kind": "equal", "file": "metal/1.jpg", "class": "metal", "split": "train"},
    ]
    assert [reason["file"] for reason in found["metal/1.jpg"]] == ["glass/9.jpg"]
    assert set(found) == {"glass/9.jpg", "metal/1.jpg", "metal/2.jpg"}


def test_a_training_image_stands_for_its_class():
    group = ("glass/9.jpg", "metal/9.jpg", "metal/1.jpg")
    found = known_label_issues.find(dataclasses.replace(CATALOG, label_conflicts=(group,)))
    assert [reason["file"] for reason in found["glass/9.jpg"]] == ["metal/1.jpg"]
    assert [reason["file"] for reason in found["metal/9.jpg"]] == ["glass/9.jpg"]


def test_a_picture_that_is_everywhere_makes_few_reasons():
    names = [f"class{number:02}" for number in range(20)]
    files = {name: tuple(f"{name}/{number}.jpg" for number in range(500)) for name in names}
    group = tuple(path for paths in files.values() for path in paths)
    found = known_label_issues.find(Catalog(tuple(names), {"all": files}, label_conflicts=(group,)))
    assert len(found) == 10_000
    assert {len(reasons) for reasons in found.values()} <= {3, 4}


def test_an_audit_adds_what_looks_the_same_and_what_it_predicts(tmp_path):
    found = known_label_issues.find(CATALOG, audit_file(tmp_path))
    assert found["metal/9.jpg"] == [
        {"kind": "similar", "file": "glass/8.jpg", "class": "glass", "split": "test"},
        {"kind": "predicted", "class": "glass", "probability": 0.9},
    ]
    assert len(found["glass/9.jpg"]) == 1, "no reason twice"
    assert "gone.jpg" not in found


def test_an_audit_without_a_backbone_doubts_no_label(tmp_path):
    found = known_label_issues.find(CATALOG, audit_file(tmp_path, doubtful_labels=None))
    assert all(reason["kind"] != "predicted" for reasons in found.values() for reason in reasons)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No usable audit at .*No such file"),
        ('{"groups": []}', r"--audit takes the audit\.json.*Received: .*a file of near-duplicates"),
        ('{"doubtful_labels": 3}', "No usable audit at"),
        ('{"doubtful_labels": {}, "exact_duplicates": [{}], "near_duplicates": []}', "No usable"),
    ],
)
def test_another_file_is_refused(tmp_path, content, message):
    path = tmp_path / "audit.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message):
        known_label_issues.find(CATALOG, path)
