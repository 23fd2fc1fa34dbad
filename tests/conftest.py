"""What holds for every test."""

from hypothesis import settings

# A busy machine makes any single example slow; how long the tests take is looked at as a whole.
settings.register_profile("lrarun", deadline=None, max_examples=50)
settings.load_profile("lrarun")
