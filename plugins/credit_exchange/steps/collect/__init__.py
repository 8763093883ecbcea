"""Collect: what departments deliver is landed once, unchanged, and read from there only."""

from credit_exchange.steps.collect.reading import read
from credit_exchange.steps.collect.rows import BROKEN_ROW, DAMAGED_TEXT, NUMERIC_CELL, RawChunk
from credit_exchange.steps.collect.run import collect

__all__ = ["BROKEN_ROW", "DAMAGED_TEXT", "NUMERIC_CELL", "RawChunk", "collect", "read"]
