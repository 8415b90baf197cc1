import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import terminal as own_terminal
from trash_keras.host import terminal

PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from trash_keras.host import terminal
terminal.write([("glass ", "green"), ("[bold]x[/bold] :smile: 12", "")])
print("rich" in sys.modules)
terminal.write([("a b c d e f " * 3, "")], to_copy=True)
"""
COMMAND = [sys.executable, "-c", PROGRAM.format(root=str(Path(__file__).parents[2]))]
COPIED = ("a b c d e f " * 3).rstrip() + "\n"
PLAIN = "glass [bold]x[/bold] :smile: 12\nFalse\n" + COPIED


def test_a_terminal_gets_colours_and_markup_is_text():
    shown, status = own_terminal.run(COMMAND)
    assert status == 0
    assert shown == "\x1b[32mglass \x1b[0m[bold]x[/bold] :smile: 12\nTrue\n" + COPIED


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_gets_plain_text(environment):
    assert own_terminal.run(COMMAND, **environment) == (PLAIN, 0)


def test_a_pipe_gets_plain_text_without_an_import_of_rich():
    done = subprocess.run(COMMAND, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (PLAIN, "")


def test_a_line_breaks_between_words_unless_it_is_to_be_copied():
    shown, _ = own_terminal.run(COMMAND, columns=24)
    assert shown.splitlines()[:2] == ["\x1b[32mglass \x1b[0m[bold]x[/bold] ", ":smile: 12"]
    assert shown.endswith("\n" + COPIED)


@pytest.mark.parametrize(
    ("text", "width", "keep_end", "expected"),
    [
        ("abc", 5, False, "abc  "),
        ("abcdef", 4, False, "abc…"),
        ("folder/a.jpg", 6, True, "…a.jpg"),
        ("日本語", 5, False, "日本…"),
        ("日本語.jpg", 8, True, "…語.jpg "),
        ("日本語", 1, True, "…"),
    ],
)
def test_text_is_made_to_fit_columns(text, width, keep_end, expected):
    fitted = terminal.fit(text, width, keep_end=keep_end)
    assert fitted == expected and terminal.width_of(fitted) == width
