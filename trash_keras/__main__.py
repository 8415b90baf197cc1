"""The command line: `trash-keras VERB`, the same as `python -m trash_keras VERB`."""

import sys

from trash_keras.cli import verbs


def main() -> None:
    """Runs the verb that the command line names."""
    verbs.main(sys.argv[1:])


if __name__ == "__main__":
    main()
