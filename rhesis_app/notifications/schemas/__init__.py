"""What the API of background work and messages takes."""
