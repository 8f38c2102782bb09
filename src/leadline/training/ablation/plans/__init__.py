"""Ablation plans that leadline brings."""
