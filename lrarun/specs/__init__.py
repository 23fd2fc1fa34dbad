"""From a YAML text to checked specs, one per run."""
