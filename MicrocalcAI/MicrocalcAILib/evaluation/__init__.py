"""How good is it: matching, free-response curves, overlap, diagnostic statistics."""
