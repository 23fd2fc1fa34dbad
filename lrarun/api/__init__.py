"""What commands do, as functions: train, tables, claims, figures, the report."""
