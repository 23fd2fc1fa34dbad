"""The paper's figures, drawn from logs."""
