"""Signing in and proving it: sessions, tokens, one-time links, and the guard before every route."""
