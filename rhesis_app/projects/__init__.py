"""Projects: what one team tests; every asset belongs to exactly one."""
