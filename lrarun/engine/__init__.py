"""Training: the loop, the probes, the cost of a step, and what a rule must do. It opens no file."""
