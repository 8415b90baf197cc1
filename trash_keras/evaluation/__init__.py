"""Any predict function + pictures -> report. Imports no TensorFlow."""
