"""Read spec files: from YAML text to checked specs, one per run."""
