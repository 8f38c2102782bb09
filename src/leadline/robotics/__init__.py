"""Multi-zone time-of-flight sensors on robots: frames, zones, fusion with learned depth, obstacles and motion."""
