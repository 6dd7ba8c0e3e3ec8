"""Identity over the API."""
