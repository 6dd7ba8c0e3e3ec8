"""What is asked of tests, test sets, requirements and metrics."""
