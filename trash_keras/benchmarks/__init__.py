"""The speed of this package beside its peers: `trash-keras benchmark --suite=...`."""
