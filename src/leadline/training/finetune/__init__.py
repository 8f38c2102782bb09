"""Fine-tuning of the networks of the zoo."""
