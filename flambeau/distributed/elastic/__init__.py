"""Launchers: not here."""
