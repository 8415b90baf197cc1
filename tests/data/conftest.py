"""Fixtures of the data tests."""

import pytest


@pytest.fixture(scope="session")
def make():
    """Makes class folders of empty files: make(root, {class name: count}) -> root."""

    def make(root, counts):
        for name, count in counts.items():
            (root / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                (root / name / f"{name}{index}.jpg").touch()
        return root

    return make
