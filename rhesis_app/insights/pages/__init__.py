"""Pages of comparisons and gates."""
