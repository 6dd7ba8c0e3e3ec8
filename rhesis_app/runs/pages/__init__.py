"""Pages of runs and of their results."""
