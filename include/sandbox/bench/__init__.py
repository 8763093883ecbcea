"""The benchmark: the exchange beside the plain script that a typical user would write, on the same data and receivers.

Run it with ``make bench`` or ``python -m bench`` (PYTHONPATH plugins and include/sandbox). Nothing of the product
depends on it.
"""
