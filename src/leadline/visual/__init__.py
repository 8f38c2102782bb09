"""Images of results: colour maps, error maps and comparison sheets."""
