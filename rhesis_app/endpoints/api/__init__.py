"""Endpoints and models over the API."""
