"""A small world of real facts, told in documents of its own making: a corpus without a download."""
