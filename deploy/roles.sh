#!/bin/sh
# Run once by the PostgreSQL image, on an empty volume: an owner for migrations, a weak login for the application.
# Row-level security binds the weak one; the image's superuser is used for nothing else.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  -v owner_password="$RHESIS_OWNER_PASSWORD" -v app_password="$RHESIS_APP_PASSWORD" <<'SQL'
CREATE ROLE rhesis_owner LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS PASSWORD :'owner_password';
CREATE ROLE rhesis_app LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS PASSWORD :'app_password';
GRANT rhesis_app TO rhesis_owner WITH INHERIT FALSE, SET TRUE;
CREATE DATABASE rhesis OWNER rhesis_owner;
REVOKE ALL ON DATABASE rhesis FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE rhesis TO rhesis_app;
SQL
