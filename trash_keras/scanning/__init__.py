"""Looks at model files before a runtime opens them (model scanning): a file may be hostile."""
