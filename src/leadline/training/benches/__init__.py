"""Ablation benches that leadline brings."""
