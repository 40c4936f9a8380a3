"""One module a revision of the trading database, `rNNNN_what.py`; a shipped revision is never edited."""
