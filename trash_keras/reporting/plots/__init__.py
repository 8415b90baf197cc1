"""Matplotlib figures of a report, and how they become SVG."""

from trash_keras.host import imports

imports.import_matplotlib()
