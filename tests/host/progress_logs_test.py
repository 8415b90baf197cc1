import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from trash_keras.host import progress_logs
progress_logs.write_lines()
from tqdm import tqdm
for number in tqdm(range(3), desc="Outer", unit="image"):
    for _ in tqdm(range(2), desc="Inner", leave=False):
        if number == 1 and "--message" in sys.argv:
            tqdm.write("a message", file=sys.stderr)
"""


def progress(monkeypatch, *arguments, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", PROGRAM.format(root=root), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_bars_are_lines_without_control_characters(monkeypatch):
    done = progress(monkeypatch, "--message", TQDM_DELAY="0", TQDM_MININTERVAL="0")
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert not [one for one in done.stderr if one != "\n" and ord(one) < 32]
    assert lines[0].startswith("Outer:   0%") and lines[-1].startswith("Outer: 100%")
    assert any(line.startswith("Inner: ") for line in lines) and lines.count("a message") == 2
    assert all(lines) and done.stderr.endswith("\n")


def test_what_is_started_does_not_inherit_it(monkeypatch):
    for name in ("TQDM_DELAY", "TQDM_MININTERVAL"):
        monkeypatch.delenv(name, raising=False)
    code = "import os; from trash_keras.host import progress_logs; progress_logs.write_lines(); "
    code += "print([name for name in os.environ if name.startswith('TQDM')])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout == "[]\n", done.stderr


def test_what_takes_no_time_leaves_no_lines(monkeypatch):
    done = progress(monkeypatch)
    assert (done.returncode, done.stderr) == (0, "")
