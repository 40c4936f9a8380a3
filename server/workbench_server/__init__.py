"""The FastAPI server; filled from the server's issue on."""
