"""Inference runtimes: what runs each kind of model file."""
