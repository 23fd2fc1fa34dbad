"""The paper's figures, drawn with matplotlib from logs and weights."""
