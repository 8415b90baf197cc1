"""Any predict function + images -> report. Imports no TensorFlow."""
