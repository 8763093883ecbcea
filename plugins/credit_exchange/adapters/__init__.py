"""The only modules that import Airflow."""
