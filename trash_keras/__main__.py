"""The command line: `trash-keras VERB`, the same as `python -m trash_keras VERB`."""

import os
import sys


def main() -> None:
    """Runs the verb that the command line names."""
    from trash_keras.cli import verbs

    try:
        verbs.main(sys.argv[1:])
    except BrokenPipeError:  # `| head` has seen enough; Python's own last flush must not fail, too
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


if __name__ == "__main__":
    main()
