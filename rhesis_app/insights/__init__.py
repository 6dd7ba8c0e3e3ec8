"""Insights own what is concluded from runs: comparisons and gates."""
