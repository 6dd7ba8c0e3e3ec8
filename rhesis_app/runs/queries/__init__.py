"""What is asked of runs and their results."""
