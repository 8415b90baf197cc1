"""keras.Model -> SavedModel, TFLite, labels."""
