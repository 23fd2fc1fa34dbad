"""Any runs as a table of settings: what differs, what is common, errors over seeds, and two settings compared."""
