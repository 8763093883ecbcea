#!/usr/bin/env bash
# Runs once, when the PostgreSQL volume is empty: two databases, their owners, and the read-only role of the reports.
# Passwords come from the environment and are sent as psql variables, never written into a file.
set -euo pipefail
: "${AIRFLOW_DB_PASSWORD:?}" "${EXCHANGE_DB_PASSWORD:?}" "${REPORT_DB_PASSWORD:?}"

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv exchange_password EXCHANGE_DB_PASSWORD
\getenv report_password REPORT_DB_PASSWORD
set log_statement = 'none';
set log_min_error_statement = 'panic';
create role airflow login password :'airflow_password' nosuperuser nocreatedb nocreaterole;
create role credit_exchange login password :'exchange_password' nosuperuser nocreatedb nocreaterole;
create role credit_report login password :'report_password' nosuperuser nocreatedb nocreaterole;
alter role credit_report set default_transaction_read_only = on;
alter role credit_report set statement_timeout = '60s';
alter role credit_report set search_path = report;
create database airflow owner airflow;
create database exchange owner credit_exchange;
revoke all on database airflow from public;
revoke all on database exchange from public;
grant connect on database exchange to credit_report;
SQL

for database in airflow exchange; do
    psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$database" \
        --command 'revoke create on schema public from public'
done
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname airflow \
    --command 'grant all on schema public to airflow'
