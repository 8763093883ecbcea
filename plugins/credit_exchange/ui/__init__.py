"""The pages of the exchange in the Airflow UI: server-rendered, in Chinese, without scripts or outside resources."""
