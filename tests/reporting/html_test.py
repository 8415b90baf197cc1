from trash_keras.reporting import html


def test_thumbnails_are_read_in_parts_once_each_until_the_budget_is_spent(monkeypatch):
    monkeypatch.setattr(html, "READ_AT_ONCE", 3)
    monkeypatch.setattr(html, "thumbnail", lambda found, side: found.decode() or None)
    asked = []

    def read(files):
        asked.append(list(files))
        return {file: b"x" * 40 for file in files if file != "gone"}

    thumbnails = html.Thumbnails(read, budget=100)
    thumbnails.make(["a", "b", "a", "gone", "c"])
    thumbnails.make(["c", "d"])
    assert asked == [["a", "b", "gone"], ["c"], ["d"]]
    assert thumbnails.use("gone") == (True, None)
    uses = [thumbnails.use(file) for file in ("a", "a", "b")]
    assert uses == [(True, "x" * 40), (True, "x" * 40), (False, None)]
    assert thumbnails["gone"] is None and thumbnails["b"] is None
    assert html.Thumbnails(read, budget=100)["e"] == "x" * 40


def test_the_rows_of_a_table_of_classes_add_up():
    counts = {"train": {"glass": 6, "metal": 2}, "test": {"glass": 2}}
    glass, metal = html.balance_rows(counts, ["glass", "metal"])
    assert glass == {"name": "glass", "splits": [6, 2], "all": 8, "share": 0.8, "of_largest": 1}
    assert metal == {"name": "metal", "splits": [2, 0], "all": 2, "share": 0.2, "of_largest": 0.25}
    assert html.balance_rows({}, []) == []
