"""Shipped networks and sequences, with their provenance."""
