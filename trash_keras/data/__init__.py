"""Pictures on disk -> tf.data.Dataset."""
