"""Ablations: single changes of a recipe, compared at equal budget."""
