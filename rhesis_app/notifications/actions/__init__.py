"""What changes background work and messages."""
