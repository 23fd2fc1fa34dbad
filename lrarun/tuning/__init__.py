"""Search for settings by validation error: propose trials, train them, prune them, and write the winner's spec."""
