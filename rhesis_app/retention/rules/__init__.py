"""Pure decisions of retention: what can be put aside, how long is kept, what an archive holds."""
