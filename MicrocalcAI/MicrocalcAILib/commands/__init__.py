"""One file per command of the command line; each says its arguments and what it runs."""
