"""The verbs of the project, each run as `python -m experiments.NAME`."""
