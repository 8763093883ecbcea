"""The exchange's configuration: everything that differs between departments, data sets and platforms, as data."""
