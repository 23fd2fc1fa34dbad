"""A run's folder: who writes it, what is in it, and whether it still counts."""
