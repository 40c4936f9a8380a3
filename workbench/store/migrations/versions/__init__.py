"""One module a revision, `rNNNN_what.py`; a shipped revision is never edited."""
