"""What is tested and how it is judged: requirements, metrics, tests, test sets, imports."""
