"""keras.Model -> SavedModel, TFLite and ONNX files, each compared with Keras."""
