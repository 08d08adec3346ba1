"""The gate: what stands between a change and the next boot."""
