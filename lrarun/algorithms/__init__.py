"""The learning rules, one per file; ``base`` has their interface, ``registry`` finds them."""
