"""Bundled plugins without a heavy vendor dependency; each module is one entry point."""
