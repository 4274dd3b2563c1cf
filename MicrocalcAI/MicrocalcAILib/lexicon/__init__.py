"""BI-RADS words: suggestions with evidence, codes, what cohorts say about each word, and the descriptor risk model.

Import from the rooms' files; this one stays cheap.
"""
