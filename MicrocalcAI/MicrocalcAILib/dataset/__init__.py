"""Mammograms with annotated calcifications, public or one's own, in one form: tables, label maps, digests."""
