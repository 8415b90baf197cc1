"""What is wrong with a collection of images."""
