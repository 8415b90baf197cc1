import json

import pytest

from trash_keras.metrics import report_file


@pytest.mark.parametrize(
    ("splits", "main"),
    [(["train", "valid", "test", "all"], "test"), (["train", "valid"], "valid"), (["all"], "all")],
)
def test_the_main_split_is_test_or_the_last(splits, main):
    assert report_file.main_split(dict.fromkeys(splits)) == main


def test_a_report_without_a_split_is_refused():
    with pytest.raises(ValueError, match="one of the splits train, valid, test, all"):
        report_file.main_split({"class_names": ["a", "b"]})


def test_a_report_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"There is no .*report\.json: train first"):
        report_file.read_report(tmp_path)
    (tmp_path / "report.json").write_text('{"class_names": ["a", "b"]}')
    assert report_file.read_report(tmp_path) == {"class_names": ["a", "b"]}


@pytest.mark.parametrize("text", ["{", "3", "\x00"])
def test_a_damaged_report_is_named(tmp_path, text):
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(ValueError, match=r"report\.json is damaged: "):
        report_file.read_report(tmp_path)


def test_exports_are_read_where_there_are_any(tmp_path):
    assert report_file.read_export(tmp_path) == {}
    (tmp_path / "export").mkdir()
    content = {"kinds": {"int8": {"bytes": 3}}, "machine": {}}
    (tmp_path / "export" / "export.json").write_text(json.dumps(content))
    assert report_file.read_export(tmp_path) == content


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"kinds": 3}', '{"kinds": {"int8": 3}}'])
def test_damaged_exports_are_named(tmp_path, text):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "export.json").write_text(text)
    with pytest.raises(ValueError, match=r"export\.json is damaged: "):
        report_file.read_export(tmp_path)


def test_numbers_of_threads_have_a_title():
    assert report_file.threads_title("threads_1") == "1 thread"
    assert report_file.threads_title("threads_4") == "4 threads"
