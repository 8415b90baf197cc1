from trash_keras.reporting import ood_text


def test_the_summary_has_a_line_for_each_folder_and_kind(ood_report):
    first, *lines = ood_text.summary(ood_report).splitlines()
    assert "75.0% of 4 OOD images unsure" in first and "unreadable" in first
    assert f"{ood_report['scores']['confidence']['auroc']:.4f}" in first
    assert [line.split(": ")[0].strip() for line in lines] == ["near", "near", "near", "far"]
    assert "near: wood: 0.0% of 2 named with confidence, AUROC 1.000" in lines[2]
    assert "far: 100.0% of 1 named with confidence" in lines[3]


def test_paragraphs_say_how_many_could_not_be_read(ood_report):
    what, _ = ood_text.paragraphs({**ood_report, "unreadable": 3})
    assert "Of 4 out-of-distribution (OOD) images 75.0%" in what
    assert "3 more could not be read" in what
    assert "could not" not in ood_text.paragraphs({**ood_report, "unreadable": 0})[0]


def test_the_table_has_a_row_for_each_score(ood_report):
    head, *rows = ood_text.rows(ood_report)
    assert len(rows) == len(ood_report["scores"]) and all(len(row) == len(head) for row in rows)
    assert rows[0][1] == f"{ood_report['scores']['confidence']['auroc']:.3f}"


def test_folders_and_kinds_have_a_table_where_there_are_several(ood_report):
    head, *rows = ood_text.folder_rows(ood_report)
    assert [row[0] for row in rows] == ["near", "near: textiles", "near: wood", "far"]
    assert all(len(row) == len(head) for row in rows)
    assert rows[2][1:4] == ["2", "0.0%", "1.000"]
    one = {"far": ood_report["folders"]["far"]}
    assert ood_text.folder_rows({**ood_report, "folders": one}) == [head]
    older = {name: value for name, value in ood_report.items() if name != "folders"}
    assert ood_text.folder_rows(older) == [head], "a report of before"
