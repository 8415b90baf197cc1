"""Calibration: temperature, threshold, conformal sets and OOD detection, fitted on validation."""
