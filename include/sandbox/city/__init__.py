"""The sandbox city: invented Fuzhou departments, their deliveries made from a seed, planted defects and an answer key.

For trying out and testing. It imports nothing of the exchange on purpose: its own checksums and its own idea of what
must become of every row make it an independent oracle.
"""
