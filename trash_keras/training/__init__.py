"""Transfer learning, fine-tuning and distillation: configuration and images -> a trained run."""
