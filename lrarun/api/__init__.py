"""What commands do, as functions that scripts call: train, tables, claims, figures, the report.

The package ``lrarun`` exports them; docs/api.md documents them. They print nothing
and take no exit codes: a failure is an exception of :mod:`lrarun.errors`.
"""
