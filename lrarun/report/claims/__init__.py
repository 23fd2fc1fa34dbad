"""The paper's claims and how they are tested: claim (the values), kinds (the tests), check (the verdicts), render."""
