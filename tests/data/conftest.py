"""Class folders of empty files, and a TrashNet of tiny images with its real names."""

import io
import zipfile

import pytest
from PIL import Image

from trash_keras.data import splits
from trash_keras.data.trashnet import official_lists


def tiny_jpeg(path: str) -> bytes:
    """Returns a JPEG whose bytes differ from those of any other path."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 6), "white").save(stream, "JPEG", comment=path.encode())
    return stream.getvalue()


@pytest.fixture(scope="session")
def tiny_trashnet(tmp_path_factory):
    """Class folders of all 2,527 names."""
    root = tmp_path_factory.mktemp("tiny") / "trashnet"
    for list_name in official_lists.LIST_NAMES.values():
        for line in (official_lists.LISTS_DIR / list_name).read_text().splitlines():
            name, number = line.split()
            folder = root / official_lists.CLASS_NUMBERS[number]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(tiny_jpeg(f"{folder.name}/{name}"))
    return root


@pytest.fixture(scope="session")
def tiny_catalog(tiny_trashnet):
    """The official split of those folders."""
    return splits.split(tiny_trashnet, "official", split_dir=official_lists.LISTS_DIR)


@pytest.fixture(scope="session")
def tiny_archive(tiny_trashnet, tmp_path_factory):
    """dataset-resized.zip, with the litter that a Mac leaves in an archive."""
    path = tmp_path_factory.mktemp("archive") / "dataset-resized.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dataset-resized/.DS_Store", b"")
        for image in sorted(tiny_trashnet.rglob("*.jpg")):
            name = image.relative_to(tiny_trashnet).as_posix()
            archive.write(image, f"dataset-resized/{name}")
            archive.writestr(f"__MACOSX/dataset-resized/{image.parent.name}/._{image.name}", b"")
    return path


@pytest.fixture(scope="session")
def make():
    """Makes class folders of empty files: make(root, {class name: count}) -> root."""

    def make(root, counts):
        for name, count in counts.items():
            (root / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                (root / name / f"{name}{index}.jpg").touch()
        return root

    return make
