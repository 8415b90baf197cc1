"""README.md and docs/: links that lead somewhere, figures that agree, installs that are ours."""

import configparser
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from tools import docs_links

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))
TEXTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *PAGES, ROOT / "experiments/README.md", ROOT / "trash_keras/assets/MODEL_CARD.md",
]  # fmt: skip
# Markdown's links and images, and those of HTML in it.
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
# An install of the project by a name that is in no package index; `NAME @ ADDRESS` asks none.
FROM_AN_INDEX = re.compile(r"pip3? install\s+(?:-\S+\s+)*['\"\\]*trash[-_]keras(?!\S* @)")


def prose(path):
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def links(path):
    return [one or other for one, other in LINK.findall(prose(path))]


def anchors(path):
    """Returns the ids of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def is_elsewhere(link):
    """Tells whether a link leaves the repository: other sites, and the Actions of this one."""
    return link.startswith(("https://", "http://", "mailto:", "../../actions/"))


def broken(path):
    """Returns the links of a page that lead nowhere."""
    found = []
    for link in links(path):
        if is_elsewhere(link):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_relative_link_is_broken(path):
    assert broken(path) == []


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One: two\n[a](gone.md) [b](page.md#one-two) [c](#three) ![d](gone.webp)\n"
        '<img src="gone.png"> [e](https://example.org)\n```\n[f](code.md)\n```\n'
    )
    assert broken(page) == ["gone.md", "#three", "gone.webp", "gone.png"]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900


def test_the_pictures_are_small():
    pictures = list((ROOT / "docs/images").iterdir())
    assert {picture.suffix for picture in pictures} <= {".webp", ".png"}
    assert 0 < sum(picture.stat().st_size for picture in pictures) < 300_000
    shown = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *PAGES))
    assert all(f"images/{picture.name}" in shown for picture in pictures)


def test_the_figures_of_the_readme_are_those_of_the_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    results = (ROOT / "docs/results.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|.*\d%.*$", readme, re.MULTILINE)
    assert len(rows) >= 3
    for row in rows:
        for figure in re.findall(r"\d+\.\d+", row):
            assert figure in results, (figure, row)
    claim = re.search(r"(\d+\.\d%) test accuracy", readme)[1]
    assert any(claim in row for row in rows)


def test_every_page_is_in_the_navigation():
    class Loader(yaml.SafeLoader):
        """Takes the tag that MkDocs adds for variables of the environment."""

    Loader.add_constructor("!ENV", lambda loader, node: loader.construct_sequence(node)[-1])
    settings = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)
    named = re.findall(r"'([\w/]+\.md)'", repr(settings["nav"]))
    assert sorted(named) == [path.name for path in PAGES]
    assert all((ROOT / hook).exists() for hook in settings["hooks"])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (
            "https://example.org/me/it/",
            "[a](https://example.org/me/it/blob/main/x/y.md#z) [b](c.md)",
        ),
        ("", "a (`x/y.md`) [b](c.md)"),
    ],
)
def test_links_out_of_docs_lead_to_the_repository(address, expected):
    config = SimpleNamespace(repo_url=address)
    assert docs_links.on_page_markdown("[a](../x/y.md#z) [b](c.md)", config=config) == expected


@pytest.fixture(scope="module")
def tracked():
    """The texts of the repository, by path: what git tracks or would track."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    texts = {}
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and ROOT / name != Path(__file__):
            content = (ROOT / name).read_bytes()
            if b"\0" not in content:
                texts[name] = content.decode("utf-8", "replace")
    assert "README.md" in texts and "notebooks/model-train.ipynb" in texts
    return texts


@pytest.mark.parametrize(
    ("text", "is_bad"),
    [
        ("pip install trash-keras", True),
        ("pip install -U 'trash-keras[lite]'", True),
        ('%pip install --quiet \\"trash_keras\\"', True),
        ('pip install --quiet "trash-keras[gpu] @ git+https://example.org/it"', False),
        ("pip install '.[lite]' in a clone of trash_keras", False),
    ],
)
def test_an_install_from_an_index_is_told(text, is_bad):
    assert bool(FROM_AN_INDEX.search(text)) == is_bad


def test_nothing_installs_the_project_from_an_index(tracked):
    assert [name for name, text in tracked.items() if FROM_AN_INDEX.search(text)] == []


def test_the_extras_to_install_exist(tracked):
    setup = configparser.ConfigParser(interpolation=None)
    setup.read_string(tracked["setup.cfg"])
    extras = set(setup["options.extras_require"])
    for name, text in tracked.items():
        named = re.findall(r"pip install '\.\[([\w,]+)\]'|install_hint\(['\"]([\w,]+)", text)
        asked = {extra for pair in named for one in pair if one for extra in one.split(",")}
        assert asked <= extras, name


def test_no_text_has_an_address_to_fill_in(tracked):
    found = [name for name, text in tracked.items() if re.search(r"OWNER/trash|/OWNER/REPO", text)]
    assert found == []
