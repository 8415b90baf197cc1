"""Text files that Windows, macOS and Excel write, for every flag that takes one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import builders
from trash_keras import config
from trash_keras.cli import flag_files
from trash_keras.data import groups, label_maps
from trash_keras.data.catalog import Catalog, scan, single_split
from trash_keras.data.image_files import iter_image_files
from trash_keras.data.readers import base
from trash_keras.data.trashnet import official_lists
from trash_keras.metrics import slices
from trash_keras.presets import reader
from trash_keras.training import run_data

NFC, NFD = "K\u00fcche", "Ku\u0308che"
ENCODINGS = pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])


def write(path, text, encoding="utf-8-sig"):
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    return path


@ENCODINGS
def test_flag_files_may_name_others(tmp_path, encoding):
    write(tmp_path / "b", "// more\n--license=Müll 5\n", encoding)
    write(tmp_path / "a", f"\n# first\n--x=1  \n--flagfile={tmp_path}/b\n  --y\n", encoding)
    found = flag_files.inline(["train", f"--flagfile={tmp_path}/a", "--z", "-flagfile",
                               f"{tmp_path}/b", "--", "--flagfile=c"])  # fmt: skip
    assert found == ["train", "--x=1", "--license=Müll 5", "--y", "--z", "--license=Müll 5", "--",
                     "--flagfile=c"]  # fmt: skip


def test_a_flag_file_that_names_itself_or_is_no_text_is_refused(tmp_path):
    write(tmp_path / "a", f"--flagfile={tmp_path}/a\n")
    with pytest.raises(ValueError, match="names itself"):
        flag_files.inline([f"--flagfile={tmp_path}/a"])
    (tmp_path / "b").write_bytes("--license=K\xfcche\n".encode("cp1252"))
    with pytest.raises(ValueError, match="Save it as UTF-8"):
        flag_files.inline([f"--flagfile={tmp_path}/b"])


def test_a_verb_takes_the_flag_file_of_an_editor_on_windows(tmp_path):
    write(tmp_path / "my.flags", "--data_dir=gone\n--workdir=x\n--image_size=32\n")
    code = "from trash_keras.cli import verbs; import sys; verbs.main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "audit", f"--flagfile={tmp_path}/my.flags"],
        capture_output=True, text=True, cwd=Path(__file__).parents[1], check=False,
    )  # fmt: skip
    assert "Unknown flag --workdir" in done.stderr  # so the file was read to this line


@ENCODINGS
def test_presets(tmp_path, monkeypatch, encoding):
    monkeypatch.setattr(reader, "FOLDER", tmp_path)
    write(tmp_path / "mine.flags", "# x\n--image_size=32\n\n", encoding)
    assert reader.settings("mine") == {"image_size": "32"}


@ENCODINGS
def test_label_maps_in_either_normal_form(tmp_path, encoding):
    text = json.dumps({NFD: NFC, "Glas": NFD, "x": None}, ensure_ascii=False)
    write(tmp_path / "m.json", text, encoding)
    assert label_maps.read(tmp_path / "m.json", [NFC]) == {NFC: NFC, "Glas": NFC, "x": None}


@ENCODINGS
def test_settings_and_catalogs(tmp_path, data_dir, encoding):
    made = config.Config.make(data_dir="Küche")
    write(tmp_path / "c.json", json.dumps(made.to_dict(), ensure_ascii=False), encoding)
    assert config.load(tmp_path / "c.json") == made
    catalog = single_split(scan(data_dir))
    catalog.save(tmp_path / "catalog.json")
    text = (tmp_path / "catalog.json").read_text()
    # A copy, since its checksum tells that the first was changed.
    assert Catalog.load(write(tmp_path / "mine.json", text, encoding)) == catalog


@ENCODINGS
def test_official_lists(tmp_path, encoding):
    for name, split in zip(official_lists.LIST_NAMES.values(), ("a", "b", "c"), strict=True):
        write(tmp_path / name, f"glass{split}.jpg 1\n\nmetal{split}.jpg\t5\n", encoding)
    files = {name: tuple(f"{name}/{name}{split}.jpg" for split in "abc")
             for name in ("glass", "metal")}  # fmt: skip
    assert official_lists.predefined_splits(files, tmp_path)["valid"]["metal"] == (
        "metal/metalb.jpg",
    )


@ENCODINGS
def test_lists_of_paths(tmp_path, encoding):
    write(tmp_path / "list.txt", "a b.jpg\n\nMüll/ガラス.jpg\n", encoding)
    found = list(iter_image_files([], str(tmp_path / "list.txt")))
    assert found == ["a b.jpg", "Müll/ガラス.jpg"]


@ENCODINGS
@pytest.mark.parametrize(
    "text",
    [
        "file;subset\nred/1.jpg;a\nred/2.jpg;b\n;\n",
        "sep=;\nfile;subset\nred/1.jpg;a\nred/2.jpg;b\n",
        "file\tsubset\tnote\nred/1.jpg\ta\t\nred/2.jpg\tb\t\n\t\t\n",
        'file, subset\n"red\\1.jpg",a\nred/2.jpg,b\n',
        "SEP=,\nfile,subset\n1.jpg,a\n2.jpg,b\n",
    ],
)
def test_slices_of_excel(tmp_path, text, encoding):
    write(tmp_path / "s.csv", text, encoding)
    found = slices.load(str(tmp_path / "s.csv"), ["red/1.jpg", "red/2.jpg", "red/3.jpg"])
    assert found == {"red/1.jpg": "a", "red/2.jpg": "b", "red/3.jpg": slices.NOT_LISTED}


def test_slices_and_groups_name_decomposed_files(tmp_path, configure):
    data = builders.write_solid(tmp_path / "data", per_class=8)
    (data / "red").rename(data / NFD)
    on_disk = scan(data)[NFC]
    first, second = (path.replace(NFD, NFC) for path in on_disk[:2])
    write(tmp_path / "s.csv", f"file;subset\n{first};here\n")
    everything = single_split(scan(data)).paths()
    assert slices.load(str(tmp_path / "s.csv"), everything)[on_disk[0]] == "here"
    listed = json.dumps({"groups": [[first, second.replace("/", "\\")]]}, ensure_ascii=False)
    write(tmp_path / "g.json", listed, "utf-16")
    assert groups.load_groups(tmp_path / "g.json")[0][0] == first
    made = configure(data, "toy", split_method="grouped", groups=str(tmp_path / "g.json"))
    run_data.resolve_splits(made, tmp_path / "run", base.open_reader(data))
    saved = json.loads((tmp_path / "run" / "groups.json").read_text())
    assert saved["groups"] == [list(on_disk[:2])]


def test_a_table_in_another_encoding_is_refused_by_name(tmp_path):
    (tmp_path / "s.csv").write_bytes("file;subset\n1.jpg;K\xfcche\n".encode("cp1252"))
    with pytest.raises(ValueError, match=r"s\.csv is not UTF-8 text: 1\.jpg, K\\xfcche\. Save it"):
        slices.load(str(tmp_path / "s.csv"), ["red/1.jpg"])
    (tmp_path / "s.csv").write_bytes("file;subset\nK\xfcche.jpg;a\n1.jpg;b\n".encode("cp1252"))
    with pytest.raises(ValueError, match="is not UTF-8 text"):
        slices.load(str(tmp_path / "s.csv"), ["red/1.jpg"])


def test_a_table_names_files_that_are_no_text(tmp_path):
    (tmp_path / "s.csv").write_bytes(b"file,subset\nred/caf\xe9.jpg,a\n")
    assert slices.load(str(tmp_path / "s.csv"), ["red/caf\udce9.jpg"]) == {"red/caf\udce9.jpg": "a"}
