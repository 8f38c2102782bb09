"""Published benchmarks: which pixels count, what a missing prediction means, and how scenes are averaged."""
