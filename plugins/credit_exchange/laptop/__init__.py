"""The whole exchange on one machine: embedded PostgreSQL, sandbox, Airflow; started and stopped together.

For trying out and testing. Production runs the same DAGs and the same configuration from docker-compose.yaml.
"""
