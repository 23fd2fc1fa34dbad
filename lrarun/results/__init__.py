"""What runs left on disk, read back. Needs no engine."""
