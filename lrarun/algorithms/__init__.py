"""The learning rules: one per file, their interface in ``base``, found by ``registry``."""
