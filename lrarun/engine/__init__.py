"""Training: the loop, and what looks at a rule at work. Opens no file."""
