import re

import pytest


@pytest.mark.slow
def test_each_file_is_compared_with_float32(script, trained):
    done = script(
        "tools.int8_layers", f"--workdir={trained[0]}", "--draws=2", "--images=4", "--kept=1,9"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    names = ["float32", "int8, draw 0", "int8, draw 1"]
    names += [f"int8, draw 1, {count} layers in float32" for count in (1, 9)]
    assert [line.split(":")[0] for line in lines] == names
    rows = [[float(each) for each in re.findall(r"(?:class|difference) ([\d.]+)", line)]
            for line in lines]  # fmt: skip
    assert rows[0] == [1, 0]  # with itself
    assert 0 < rows[2][1] < 0.05
    assert rows[4][1] <= 1 / 256  # nothing is left in int8 but the bytes at the end
