"""The audit of data: every sample decoded and measured, and what is wrong with it."""
