"""Results beside the paper's numbers: tables, verdicts, claims, figures and the web page. Needs no engine."""
