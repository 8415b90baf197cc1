"""What runs each kind of model file."""
