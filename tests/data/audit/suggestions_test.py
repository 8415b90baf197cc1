from trash_keras.data.audit import suggestions


def item(file, split="train"):
    return {"file": file, "class": file.split("/")[0], "split": split}


def group(*files, **crossings):
    return {"files": list(files), "across_classes": False, "across_splits": False, **crossings}


def suggested(**findings):
    nothing = {"unreadable": [], "exact_duplicates": [], "near_duplicates": [],
               "doubtful_labels": None}  # fmt: skip
    found = suggestions.suggest({**nothing, **findings})
    return [(one.file, one.label, one.action, one.new_label, one.reason) for one in found]


def test_what_cannot_be_read_is_dropped():
    bad = {**item("a/1.jpg"), "reason": "an empty file"}
    assert suggested(unreadable=[bad]) == [
        ("a/1.jpg", "a", "drop", "", "unreadable: an empty file")
    ]


def test_of_equal_files_one_stays_and_rather_a_test_image():
    same = group(item("a/1.jpg"), item("a/2.jpg", "valid"), item("a/3.jpg", "test"))
    assert [row[:3] for row in suggested(exact_duplicates=[same])] == [
        ("a/2.jpg", "a", "drop"), ("a/1.jpg", "a", "drop"),
    ]  # fmt: skip
    (row,) = suggested(exact_duplicates=[group(item("a/1.jpg"), item("a/2.jpg"))])
    assert row == ("a/2.jpg", "a", "drop", "", "has the bytes of a/1.jpg in train")


def test_near_duplicates_are_dropped_only_across_splits():
    files = item("a/1.jpg"), item("a/2.jpg", "test")
    (row,) = suggested(near_duplicates=[group(*files, across_splits=True)])
    assert row == ("a/1.jpg", "a", "drop", "", "looks like a/2.jpg in test")
    assert suggested(near_duplicates=[group(item("a/1.jpg"), item("a/2.jpg"))]) == []


def test_which_label_is_right_is_left_to_a_person():
    same = group(item("a/1.jpg"), item("b/2.jpg", "test"), across_classes=True, across_splits=True)
    issue = {**item("a/1.jpg"), "suggestion": "b", "probability_of_suggestion": 0.98,
             "probability_of_label": 0.012}  # fmt: skip
    found = suggested(exact_duplicates=[same], doubtful_labels={"found": [issue]})
    assert found == [
        ("a/1.jpg", "a", "keep", "",
         "has the bytes of b/2.jpg (b): which label is right?; b? 98% against 1%"),
        ("b/2.jpg", "b", "keep", "", "has the bytes of a/1.jpg (a): which label is right?"),
    ]  # fmt: skip


def test_what_is_dropped_for_one_reason_is_dropped():
    same = group(item("a/1.jpg"), item("a/2.jpg"))
    issue = {**item("a/2.jpg"), "suggestion": "b", "probability_of_suggestion": 0.98,
             "probability_of_label": 0.012}  # fmt: skip
    (row,) = suggested(exact_duplicates=[same], doubtful_labels={"found": [issue]})
    assert row[2] == "drop" and row[4].endswith("in train; b? 98% against 1%")
