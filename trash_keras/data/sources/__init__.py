"""From anywhere to class folders."""
