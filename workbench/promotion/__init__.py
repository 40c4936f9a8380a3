"""Promotion: stages, gates, evidence."""
