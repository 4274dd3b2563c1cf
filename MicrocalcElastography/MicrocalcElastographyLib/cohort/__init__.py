"""Statistics of an elastography study: a table of lesions in; comparison, cut-offs, models, agreement, report out."""
