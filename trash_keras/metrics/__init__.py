"""Metrics: numbers from predictions, computed by NumPy, SciPy and scikit-learn alone."""
