"""The report: results as one HTML page that needs no network, no other file and no script."""
