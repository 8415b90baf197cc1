import json

import pytest

from trash_keras.data.audit.groups import connected, load_groups, save_groups


def test_chains_become_one_group():
    assert connected(8, [(1, 2), (5, 4), (2, 7), (4, 5)]) == [[1, 2, 7], [4, 5]]
    assert connected(5, [(3, 2, 0)]) == [[0, 2, 3]]
    assert connected(3, []) == []


def test_what_is_saved_is_loaded(tmp_path):
    groups = [("glass/a.jpg", "metal/b.jpg"), ("glass/c.jpg", "glass/d.jpg", "glass/e.jpg")]
    save_groups(tmp_path / "groups.json", groups, {"near_duplicates": "by eye"})
    assert load_groups(tmp_path / "groups.json") == groups
    assert json.loads((tmp_path / "groups.json").read_text())["evidence"] == {
        "near_duplicates": "by eye"
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "No usable groups"),
        ("[]", "No usable groups"),
        ('{"groups": 3}', "No usable groups"),
        ('{"groups": [[1, 2]]}', "must hold"),
        ('{"groups": ["glass/a.jpg"]}', "must hold"),
        ('{"groups": [["a", "b"], ["b", "c"]]}', "Received b more than once"),
    ],
)
def test_other_content_is_refused(tmp_path, text, message):
    (tmp_path / "groups.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_groups(tmp_path / "groups.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="No usable groups"):
        load_groups(tmp_path / "gone.json")
