"""Pure decisions about background work and messages."""
