"""Matplotlib figures of a report, and how they become SVG."""
