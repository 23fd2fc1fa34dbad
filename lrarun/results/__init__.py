"""Read what runs left on disk: their records, logs and settings. Needs no engine."""
