"""What is fitted on validation images: temperature, threshold, conformal sets."""
