"""`trash-keras review` for those who work in a clone of the repository."""

import sys

from trash_keras.cli import verbs

if __name__ == "__main__":
    verbs.run("review", sys.argv[1:])
