"""What several commands share: options, layout, messages, completion."""
