"""tf.data.Dataset -> keras.Model."""
