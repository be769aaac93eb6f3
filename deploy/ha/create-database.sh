#!/bin/sh
# Patroni runs this once, on the first primary, with a connection URL of the superuser.
set -eu
psql --no-psqlrc --set ON_ERROR_STOP=1 --set password="$AUTHMESH_DATABASE_PASSWORD" "$1" <<'SQL'
CREATE ROLE authmesh LOGIN PASSWORD :'password';
GRANT pg_monitor TO authmesh; -- shows the standbys to the service, which then reports the durability
CREATE DATABASE authmesh OWNER authmesh;
SQL
