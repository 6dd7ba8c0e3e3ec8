"""Pages of background work and messages."""
