"""Load data sets: find, download, verify, read, split and share them."""
