"""The recipes of the bundled models."""
