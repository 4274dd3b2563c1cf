"""One page per exam: pictures, places, tables and what to keep in mind, as HTML or PDF."""
