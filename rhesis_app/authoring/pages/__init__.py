"""Authoring's pages, one file per asset."""
