"""Images on disk -> tf.data.Dataset."""
