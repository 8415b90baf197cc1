"""Numbers from predictions; NumPy, SciPy and scikit-learn only."""
