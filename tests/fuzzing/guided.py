"""Coverage-guided fuzzing, by atheris (libFuzzer for Python): `make fuzz`.

python -m tests.fuzzing.guided [--seconds=60] [TARGET...]

Targets are those of the tests, each in a process of its own, from its valid inputs and the corpus
of what once broke. Inputs that reach new lines are kept in runs/fuzz/, where the next call goes on.
What breaks is kept as runs/fuzz/TARGET.crash-...: mended, it goes into tests/fuzzing/corpus, which
the tests try first.
"""

import argparse
import hashlib
import subprocess
import sys
from pathlib import Path

FOLDER = Path("runs/fuzz")
INSTRUMENTED = ["trash_keras", "PIL", "csv", "tarfile", "zipfile", "ai_edge_litert"]
SLOWER = 5  # times, of code that notes the lines that it runs
LARGEST = 50_000  # bytes of an input


def seeds(fuzzing, target):
    """Writes valid inputs and what once broke, by their hashes; returns the folder of inputs."""
    folder = FOLDER / target
    folder.mkdir(parents=True, exist_ok=True)
    broke = [path.read_bytes() for path in fuzzing.CORPUS.glob(f"{target}.*")]
    for content in fuzzing.originals(target) + broke:
        (folder / hashlib.sha1(content).hexdigest()).write_bytes(content)
    return folder


def fuzz(target, seconds):
    """Fuzzes one target and ends the process, with 0 if nothing broke."""
    import atheris

    with atheris.instrument_imports(include=INSTRUMENTED):
        from tests.support import fuzzing

    options = [
        f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-rss_limit_mb=4096", "-timeout=60",
        f"-artifact_prefix={FOLDER}/{target}.", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    limit = SLOWER * fuzzing.SECONDS
    atheris.Setup(
        [target, *options, str(seeds(fuzzing, target))],
        lambda content: fuzzing.check(target, content, limit),
    )
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing.guided")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    given = parser.parse_args()
    if len(given.targets) == 1:
        fuzz(given.targets[0], given.seconds)
    from tests.support import fuzzing

    command = [sys.executable, "-m", "tests.fuzzing.guided", f"--seconds={given.seconds}"]
    targets = given.targets or fuzzing.TARGETS
    broke = [target for target in targets if subprocess.run([*command, target]).returncode]
    if broke:
        sys.exit(f"error: {', '.join(broke)} broke. The inputs are in {FOLDER}.")


if __name__ == "__main__":
    main()
