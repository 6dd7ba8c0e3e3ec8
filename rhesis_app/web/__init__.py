"""The HTTP toolkit that every edge shares: layout, words on a page, errors, paging, limits."""
