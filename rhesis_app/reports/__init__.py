"""Reports own what leaves the house: a run written down in a format that a plugin brings."""
