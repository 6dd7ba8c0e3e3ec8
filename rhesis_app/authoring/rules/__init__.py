"""Pure decisions of authoring, one file per asset."""
