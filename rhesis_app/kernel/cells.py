"""Texts as cells of a table that a spreadsheet may open."""

# what a spreadsheet takes for a formula, in both widths, and what it drops before looking
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def guard_cell(cell: str) -> str:
    """A text that a spreadsheet would compute gets a leading quote; one that has quotes already takes another."""
    return f"'{cell}" if _is_guarded(cell) else cell


def unguard_cell(cell: str) -> str:
    """A cell as it was before it was guarded."""
    return cell[1:] if cell.startswith("'") and _is_guarded(cell[1:]) else cell


def _is_guarded(cell: str) -> bool:
    return cell.lstrip("'").startswith(_FORMULA)
