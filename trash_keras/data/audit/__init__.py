"""The audit of a data set: duplicates, outliers, label issues and unreadable files."""
