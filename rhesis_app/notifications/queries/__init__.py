"""What is asked of background work and messages."""
