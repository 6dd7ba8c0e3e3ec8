"""What changes tests, test sets, requirements and metrics."""
