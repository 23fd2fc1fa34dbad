"""The paper's claims, tested on runs."""
