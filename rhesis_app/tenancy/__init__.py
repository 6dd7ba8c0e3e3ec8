"""Organizations, users, roles and memberships: who belongs where, and what was done."""
