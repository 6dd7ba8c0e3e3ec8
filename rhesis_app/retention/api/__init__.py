"""Retention over the API."""
