"""keras.Model + tf.data.Dataset -> a trained workdir."""
