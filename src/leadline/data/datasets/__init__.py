"""Adapters from the folder layouts in which datasets are published to our samples: one file a dataset.

Each is a final class with ``len()``, ``[index]`` and ``key(index)``. Nothing is downloaded: every dataset has terms
that its user accepts at its own site.
"""
