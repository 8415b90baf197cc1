"""Report pages that are written for a test, and a report with all that can be in one."""

import os

import pytest
from matplotlib.figure import Figure

from tests.support import report_parts
from tests.support.report_parts import top_error
from trash_keras.metrics import report_file
from trash_keras.reporting import report_page
from trash_keras.reporting.charts import Chart, page_charts
from trash_keras.reporting.content import ReportContent


@pytest.fixture
def written(tmp_path, predicted):
    """Writes a page and returns its text; images are the files under tmp_path."""

    def write(report: dict, matrix=None, epochs=(), heat_maps=None, charts=None, **options) -> str:
        path = tmp_path / "out" / "report.html"
        names = report["class_names"]
        shown = report[report_file.main_split(report)]
        found = predicted(names, shown["confusion_matrix"] if matrix is None else matrix)
        predictions = {split: found for split in report_file.SPLIT_TITLES if split in report}
        counts = {split: dict.fromkeys(names, 50) for split in predictions}
        if charts is None:
            # Drawing takes time: only the tests with epochs look at the figures.
            blank = Chart("A title", "What it shows", Figure(figsize=(1, 1)), "confidence")
            charts = {"reliability": blank, "risk_coverage": blank}
            if epochs or {"explanations", "out_of_scope", "robustness"} & set(report):
                charts = page_charts(report, predictions, epochs)

        def read(files):
            there = [file for file in files if (tmp_path / file).exists()]
            return {file: (tmp_path / file).read_bytes() for file in there}

        content = ReportContent(predictions, counts, read, heat_maps=heat_maps)
        report_page.write_page(path, report, content, charts, **options)
        assert os.listdir(path.parent) == ["report.html"]
        return path.read_text(encoding="utf-8")

    return write


@pytest.fixture
def full(tmp_path, scored) -> dict:
    """A report with all that can be in one."""
    for name in ("a.jpg", "b.jpg"):
        report_parts.write_image(tmp_path / "glass" / name, (400, 300))
    names = report_parts.ORIGINAL
    errors = [top_error("glass/a.jpg"), top_error("glass/b.jpg")]
    return {
        "class_names": names,
        "train": scored(names, 49, 1),
        "valid": scored(names, 40, 10),
        "test": scored(names, mistakes=errors),
        "bad_files": ["glass/broken.jpg"],
        "config": report_parts.CONFIG,
        "run": report_parts.RUN,
    }
