"""Figures that anyone can run: `make bench`. Ratios of things measured beside each other in one run, never absolute promises."""
