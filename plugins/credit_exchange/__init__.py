"""福州信用信息交换: collects, checks, merges, releases and reports the city's credit records."""

__version__ = "0.1.0"
