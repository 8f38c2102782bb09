"""Errors of predictions against truth, in float64 and without any protocol: masks and averaging are the caller's."""
