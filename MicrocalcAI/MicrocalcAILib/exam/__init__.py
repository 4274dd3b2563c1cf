"""The images of a woman as one exam: where findings lie, the same lesion in two views, left and right, before and now.

Import from the room's files; this one stays cheap.
"""
