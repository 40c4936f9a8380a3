"""The FastAPI server; nothing yet."""
