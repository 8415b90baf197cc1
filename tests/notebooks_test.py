"""The notebook: whole, with the outputs of its code, and running from first cell to last."""

import base64
import importlib.util
import io
import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from IPython.utils.text import FullEvalFormatter
from nbclient import NotebookClient
from PIL import Image

from tools import run_notebook

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "notebooks" / "model-train.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def python(cell) -> str:
    return TransformerManager().transform_cell(cell.source)


def test_it_is_a_valid_notebook(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) >= (4, 5)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_its_outputs_are_those_of_its_code(notebook):
    assert notebook.metadata.sources_sha256 == run_notebook.sources_sha256(notebook), (
        "The code has changed: make notebook"
    )
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [one for one in outputs if one.output_type == "error" or one.get("name") == "stderr"]
    assert "stand-ins" in printed(outputs)
    assert "test, TFLite: accuracy" in printed(outputs)
    assert drawings(outputs) >= 6


def test_its_pictures_are_small(notebook):
    assert NOTEBOOK.stat().st_size < 400_000
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    for encoded in (one.data["image/png"] for one in outputs if "image/png" in one.get("data", ())):
        assert Image.open(io.BytesIO(base64.b64decode(encoded))).width <= run_notebook.WIDTH


def test_what_is_kept_of_outputs():
    content = io.BytesIO()
    Image.effect_noise((1280, 300), 50).convert("RGB").save(content, "PNG")
    large = base64.b64encode(content.getvalue()).decode()
    said, drawn = run_notebook.kept([
        {"output_type": "stream", "name": "stdout", "text": "27/27 - 4s - 12ms/step - loss: 1\n"},
        {"output_type": "stream", "name": "stderr", "text": "50%"},
        {"output_type": "stream", "name": "stdout", "text": "INFO:tensorflow: written\nsaid"},
        {"output_type": "display_data", "data": {"image/png": large, "text/plain": "<Figure>"}},
    ])  # fmt: skip
    assert said["text"] == "27/27 - loss: 1\nsaid"
    assert drawn["data"]["text/plain"] == "<Figure>"
    small = Image.open(io.BytesIO(base64.b64decode(drawn["data"]["image/png"])))
    assert small.size == (640, 150) and len(drawn["data"]["image/png"]) < len(large) / 4


def test_every_code_cell_compiles(notebook):
    for index, cell in enumerate(code_cells(notebook)):
        compile(python(cell), f"code cell {index}", "exec")


def test_it_names_no_place_of_one_machine():
    text = NOTEBOOK.read_text(encoding="utf-8")
    for place in ("/home/", "/root/", "/tmp/", "/work/", "/Users/", "C:\\\\"):
        assert place not in text


class Shell:
    """Stands in for IPython: notes the line magics, with what IPython fills into braces."""

    def __init__(self):
        self.namespace = {"get_ipython": lambda: self}
        self.magics = []

    def run_line_magic(self, name, line):
        self.magics.append(f"{name} {FullEvalFormatter().format(line, **self.namespace)}")


@pytest.fixture
def install(notebook, monkeypatch, tmp_path):
    """Runs the first cell where trash_keras is missing; returns the installing commands."""

    def run(repository, accelerator=""):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TRASH_KERAS_REPOSITORY", repository)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        monkeypatch.delenv("TPU_ACCELERATOR_TYPE", raising=False)
        if accelerator == "tpu":
            monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5e-1")
        driver = "/usr/bin/nvidia-smi" if accelerator == "gpu" else None
        monkeypatch.setattr(shutil, "which", lambda name: driver)
        shell = Shell()
        exec(python(code_cells(notebook)[0]), shell.namespace)
        return shell.magics

    return run


@pytest.mark.parametrize(("accelerator", "extra"), [("", "train"), ("gpu", "gpu")])
def test_the_first_cell_installs_from_the_repository(install, accelerator, extra):
    address = "https://example.org/trash.git"
    assert install(address, accelerator) == [
        f'pip install --quiet "trash-keras[{extra}] @ git+{address}"'
    ]


def test_on_a_tpu_no_tensorflow_without_tpus_is_installed(install):
    tensorflow, project, others = install("https://example.org/trash.git", "tpu")
    assert tensorflow.startswith("pip install --quiet tensorflow-tpu ")
    assert "--no-deps" in project and "git+https://example.org/trash.git" in project
    names = [word.strip("'").split("<")[0].split(">")[0].split("=")[0].split("[")[0]
             for word in others.split()[3:]]  # fmt: skip
    assert {"keras", "numpy", "tensorflow-datasets"} <= set(names)
    assert not {"tensorflow", "pytest", "apache-beam"} & set(names)


def test_without_an_address_a_clone_is_installed(install, tmp_path):
    (tmp_path / "setup.cfg").touch()
    assert install("") == [f'pip install --quiet "trash-keras[train] @ {tmp_path.as_uri()}"']


def test_without_address_and_clone_it_asks_for_one(install):
    with pytest.raises(ValueError, match="Set REPOSITORY to the address of the repository"):
        install("")


@pytest.fixture
def run_all(notebook, monkeypatch, tmp_path):
    """Runs the notebook in a folder, with other parameters; returns its outputs by cell."""

    def run(folder, **parameters):
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        for name in [name for name in os.environ if name.startswith("COLAB_")]:
            monkeypatch.delenv(name)
        for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):  # nothing of the user's, nothing left
            monkeypatch.setenv(name, str(tmp_path / name))
        if parameters:
            (place,) = (index for index, cell in enumerate(notebook.cells)
                        if "parameters" in cell.metadata.get("tags", ()))  # fmt: skip
            source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
            notebook.cells.insert(place + 1, nbformat.v4.new_code_cell(source))
        client = NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}
        )
        client.execute()
        return [output for cell in code_cells(notebook) for output in cell.outputs]

    return run


def printed(outputs) -> str:
    return "".join(output.text for output in outputs if output.get("name") == "stdout")


def drawings(outputs) -> int:
    return sum("image/png" in output.get("data", ()) for output in outputs)


@pytest.mark.slow
def test_it_runs_on_stand_ins(run_all, monkeypatch, tmp_path):
    monkeypatch.setenv("TRASH_KERAS_FAST", "1")
    outputs = run_all(tmp_path)
    workdir = tmp_path / "runs" / "notebook-stand-ins-12"
    assert (workdir / "report.html").exists() and (workdir / "export" / "export.json").exists()
    assert "test, TFLite: accuracy" in printed(outputs)
    # Images, balance, augmentation, curves, matrix, mistakes (untrained, it makes some), one.
    assert drawings(outputs) == 7


@pytest.mark.slow
def test_it_runs_on_images_of_ones_own(run_all, data_dir, toy_backbone, tmp_path):
    (tmp_path / "clone" / "notebooks").mkdir(parents=True)
    outputs = run_all(
        tmp_path / "clone" / "notebooks", DATA_DIR=str(data_dir), BACKBONE=str(toy_backbone),
        IMAGE_SIZE=16, HEAD_EPOCHS=60, FINETUNE_EPOCHS=30,
    )  # fmt: skip
    workdir = tmp_path / "clone" / "runs" / "notebook"
    phases = [line.split(",")[0] for line in (workdir / "metrics.csv").read_text().splitlines()]
    assert phases == ["phase"] + ["head"] * 60 + ["finetune"] * 30
    text = printed(outputs)
    scores = re.findall(r"^test(?:, TFLite)?: accuracy ([\d.]+)%", text, re.MULTILINE)
    assert len(scores) == 3 and len(set(scores)) == 1 and float(scores[0]) > 90
