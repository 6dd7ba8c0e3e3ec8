"""Tenancy over the API."""
