"""`trash-keras cross_validate` for those who work in a clone of the repository."""

import sys

from trash_keras.cli import verbs

if __name__ == "__main__":
    verbs.run("cross_validate", sys.argv[1:])
