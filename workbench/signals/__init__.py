"""Signals: what an alert asks for, whatever its sender."""
