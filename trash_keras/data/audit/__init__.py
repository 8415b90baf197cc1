"""What is wrong with a collection of pictures."""
