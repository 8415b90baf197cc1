import re
import subprocess
import sys
from pathlib import Path

import pytest

ZIZMOR = Path(sys.executable).with_name("zizmor")


@pytest.mark.slow
@pytest.mark.skipif(not ZIZMOR.exists(), reason="needs zizmor: make setup")
def test_the_linter_sees_what_the_workflows_avoid(runner):
    (runner.checkout / ".venv/bin/zizmor").symlink_to(ZIZMOR)
    command = ["make", "lint-workflows"]
    options = {"cwd": runner.checkout, "capture_output": True, "text": True}
    done = subprocess.run(command, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    workflow = runner.checkout / ".github/workflows/ci.yml"
    text = workflow.read_text()
    workflow.write_text(re.sub(r"checkout@\w+ # v6.0.2", "checkout@v6", text, count=1))
    done = subprocess.run(command, **options)
    workflow.write_text(text)
    assert done.returncode != 0 and "unpinned-uses" in done.stdout + done.stderr
