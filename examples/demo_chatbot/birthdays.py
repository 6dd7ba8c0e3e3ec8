"""Who was born before whom: a small trivia skill, for trying public question files against the chatbot."""

import re

_ASKED = re.compile(r"\bwas (?P<first>.+?) born before (?P<second>.+?)\?", re.IGNORECASE)
_BORN = """
1732-02-22 george washington|1735-10-30 john adams|1743-04-13 thomas jefferson|1751-03-16 james madison
1758-04-28 james monroe|1767-03-15 andrew jackson|1767-07-11 john quincy adams|1773-02-09 william harrison
1782-12-05 martin van buren|1784-11-24 zachary taylor|1790-03-29 john tyler|1791-04-23 james buchanan
1795-11-02 james polk|1800-01-07 millard fillmore|1804-11-23 franklin pierce|1808-12-29 andrew johnson
1809-02-12 abraham lincoln|1822-04-27 ulysses s grant|1822-10-04 rutherford b hayes|1829-10-05 chester a arthur
1831-11-19 james garfield|1833-08-20 benjamin harrison|1837-03-18 grover cleveland|1843-01-29 william mckinley
1856-12-28 woodrow wilson|1857-09-15 william taft|1858-10-27 theodore roosevelt|1865-11-02 warren harding
1872-07-04 calvin coolidge|1874-08-10 herbert hoover|1882-01-30 franklin roosevelt|1884-05-08 harry truman
1890-10-14 dwight eisenhower|1908-08-27 lyndon johnson|1911-02-06 ronald reagan|1913-01-09 richard nixon
1913-07-14 gerald ford|1917-05-29 john f kennedy|1924-06-12 george hw bush|1924-10-01 jimmy carter
1942-11-20 joe biden|1946-06-14 donald trump|1946-07-06 george w bush|1946-08-19 bill clinton|1961-08-04 barack obama
"""
_DAYS = {name: day for day, _, name in (entry.partition(" ") for entry in re.split(r"[|\n]", _BORN.strip()))}


def born_first(message: str) -> str | None:
    """`Y` or `N` to "Was X born before Y?"; `N` when one of them is unknown, None for any other message."""
    asked = _ASKED.search(message)
    if asked is None:
        return None
    first, second = (_DAYS.get(asked[name].lower().replace(".", "").strip()) for name in ("first", "second"))
    return "Y" if first and second and first < second else "N"
