"""What is asked of comparisons and gates."""
