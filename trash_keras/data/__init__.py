"""Image files on disk -> labelled splits -> tf.data.Dataset."""
