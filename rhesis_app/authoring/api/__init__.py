"""Authoring over the API, one file per asset."""
