"""Background work and messages over the API."""
