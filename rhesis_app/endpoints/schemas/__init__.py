"""What the APIs of endpoints and models take."""
