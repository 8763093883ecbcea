"""The pure core: values in, values out.

Imports neither Airflow, SQLAlchemy nor requests and reads no clock but business time.
"""
