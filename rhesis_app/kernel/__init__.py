"""The words every context shares: actor, permissions, errors, scope, ids, pages, ports."""
