"""Pure decisions of comparisons and gates."""
