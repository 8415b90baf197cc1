"""Lists of corrections: read, refused and applied."""

import os

import pytest

from trash_keras.data import corrections
from trash_keras.data.corrections import Correction

HEAD = "file,label,action,new_label,reason\n"


@pytest.fixture
def folder(tmp_path):
    """Class folders whose images say their own names."""
    root = tmp_path / "data"
    for name in ("glass/a.jpg", "glass/b.jpg", "metal/a.jpg", "metal/sub/c.jpg", "paper/d.jpg"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def content(root):
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def corrected(folder, text, encoding="utf-8"):
    path = folder.parent / "list.csv"
    path.write_bytes((HEAD + text).encode(encoding, "surrogateescape"))
    corrections.apply(corrections.read(path), folder, path)
    return content(folder)


def test_images_are_dropped_and_moved_and_kept(folder):
    before = content(folder)
    after = corrected(
        folder,
        "glass/b.jpg,glass,drop,,blurred\nmetal/sub/c.jpg,metal,relabel,glass,\n"
        "paper/d.jpg,paper,keep,,looked at\n\n",
    )
    del before["glass/b.jpg"]
    before["glass/sub/c.jpg"] = before.pop("metal/sub/c.jpg")
    assert after == before
    assert not (folder / "metal/sub").exists()


def test_an_image_replaces_no_other_of_its_name(folder):
    both = "glass/a.jpg,glass,relabel,metal,\nmetal/a.jpg,metal,relabel,glass,\n"
    after = corrected(folder, both)
    assert after["metal/a-glass.jpg"] == "glass/a.jpg" and after["glass/a.jpg"] == "metal/a.jpg"
    assert len(after) == 5


def test_a_dropped_image_leaves_its_name(folder):
    both = "glass/a.jpg,glass,relabel,metal,\nmetal/a.jpg,metal,drop,,\n"
    assert corrected(folder, both)["metal/a.jpg"] == "glass/a.jpg"


@pytest.mark.parametrize("order", ["{split}/{name}", "{name}/{split}"])
def test_in_split_folders_an_image_stays_in_its_split(tmp_path, order):
    root = tmp_path / "data"
    for split in ("train", "test"):
        for name in ("glass", "test metal"):
            path = root / order.format(split=split, name=name) / f"{split}.jpg"
            path.parent.mkdir(parents=True)
            path.write_text(f"{split} {name}")
    source = order.format(split="test", name="glass")
    after = corrected(root, f"{source}/test.jpg,glass,relabel,test metal,\n")
    target = order.format(split="test", name="test metal")
    assert after[f"{target}/test-glass.jpg"] == "test glass" and len(after) == 4


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("glass/x.jpg,glass,drop,,", "line 2: there is no image glass/x.jpg"),
        ("../a.jpg,glass,drop,,", 'line 2: "../a.jpg" is no path inside the data folder'),
        ("/etc/passwd,glass,drop,,", 'line 2: "/etc/passwd" is no path inside'),
        ("glass\\..\\..\\a.jpg,glass,drop,,", "is no path inside"),
        ("C:\\a.jpg,glass,drop,,", "line 2: there is no image C:\\a.jpg"),
        (",glass,drop,,", 'line 2: "" is no path inside'),
        ("glass/a.jpg,glass,delete,,", 'the action "delete" is none of drop, relabel, keep'),
        ("glass/a.jpg,glass,relabel,wood,", '"wood" is none of glass, metal, paper'),
        ("glass/a.jpg,glass,relabel,,", "line 2: relabel without a new_label"),
        ("glass/a.jpg,glass,relabel,glass,", "relabel to glass, the label that it has"),
        ("glass/a.jpg,glass,drop,metal,", "line 2: drop with the new_label metal"),
        ("glass/a.jpg,glass,keep,metal,", "line 2: keep with the new_label metal"),
        ("glass/a.jpg,metal,drop,,", 'glass/a.jpg has the label glass, not "metal"'),
        ("glass/a.jpg,glass,drop", "line 2: 3 cells instead of 5"),
        (
            "glass/a.jpg,glass,drop,,\nglass/a.jpg,glass,keep,,",
            "line 3: glass/a.jpg again, which line 2 says to drop",
        ),
        (
            "glass/a.jpg,glass,relabel,metal,\nglass/a.jpg,glass,relabel,paper,",
            "line 3: glass/a.jpg again, which line 2 says to relabel metal",
        ),
        ('glass/a.jpg,glass,drop,,"never closed', "list.csv, line 2: unexpected end of data"),
    ],
)
def test_bad_lines_are_named_and_nothing_is_changed(folder, lines, message):
    before = content(folder)
    with pytest.raises(ValueError) as error:
        corrected(folder, f"{lines}\n")
    assert message in str(error.value) and "\n" not in str(error.value)
    assert content(folder) == before


def test_a_line_may_be_there_twice_but_not_in_two_spellings_that_differ(folder):
    (folder / "glass/ü.jpg").write_text("x")
    with pytest.raises(ValueError, match=r"line 3: glass/ü\.jpg again, which line 2 says to drop"):
        corrected(folder, "glass/ü.jpg,glass,drop,,\nglass/u\u0308.jpg,glass,keep,,\n")
    assert "glass/a.jpg" not in corrected(folder, "glass/a.jpg,glass,drop,,\n" * 2)


def test_of_two_files_that_only_the_spelling_tells_apart_the_named_one_is_meant(folder):
    for name in ("ü", "u\u0308"):
        (folder / f"glass/{name}.jpg").write_text("x")
    after = corrected(folder, "glass/ü.jpg,glass,drop,,\nglass/u\u0308.jpg,glass,keep,,\n")
    assert "glass/u\u0308.jpg" in after and "glass/ü.jpg" not in after


def test_all_bad_lines_are_counted(folder):
    with pytest.raises(ValueError, match=r"line 2: .*; line 6: [^;]*; and 2 more lines$"):
        corrected(folder, "".join(f"glass/x{number}.jpg,glass,drop,,\n" for number in range(7)))


@pytest.mark.parametrize("text", ["", "file,action\n", "file,label,action,new_label\n", "a;b\n"])
def test_other_columns_are_refused(tmp_path, text):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ValueError, match="must begin with the columns file,label,action,new_label"):
        corrections.read(tmp_path / "list.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_lists_that_a_spreadsheet_saved_are_read(folder, encoding):
    (folder / "glass/ü.jpg").write_text("x")
    lines = "glass/u\u0308.jpg,glass,drop,,\nglass\\a.jpg,glass,drop,,\n".replace("\n", "\r\n")
    assert set(corrected(folder, lines, encoding)) == {
        "glass/b.jpg", "metal/a.jpg", "metal/sub/c.jpg", "paper/d.jpg",
    }  # fmt: skip


ODD = ["=1+1/a.jpg", "-x/'=b.jpg", "@x/c,d.jpg", "'y/e\"f.jpg", "+z/g\nh.jpg", "z/\udcff.jpg"]


def test_odd_names_come_back_and_no_cell_begins_like_a_formula(tmp_path):
    rows = [Correction(file, file.split("/")[0], "drop", reason="=x") for file in ODD]
    corrections.write(tmp_path / "list.csv", rows)
    assert corrections.read(tmp_path / "list.csv") == rows
    written = (tmp_path / "list.csv").read_bytes().decode("utf-8", "surrogateescape")
    assert not [
        cell for cell in written.replace("\n", ",").split(",") if cell[:1] in "=+-@" and cell
    ]


def test_odd_names_are_found_also_as_a_page_shows_them(tmp_path):
    folder = tmp_path / "data"
    for file in ODD:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("x")
    shown = "z/\\xff.jpg,z,drop,,\n+z/g\\nh.jpg,+z,drop,,\n"
    assert len(corrected(folder, shown)) == len(ODD) - 2
    corrections.write(tmp_path / "all.csv", [Correction(ODD[0], "=1+1", "drop")])
    corrections.apply(corrections.read(tmp_path / "all.csv"), folder, "all.csv")
    assert not os.path.exists(folder / "=1+1")
