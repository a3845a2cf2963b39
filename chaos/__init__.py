"""Faults on purpose: the real processes at work while a seeded script kills, stops, flushes, restarts and cuts."""
