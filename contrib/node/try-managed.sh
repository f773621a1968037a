#!/bin/sh
#
# try-managed.sh
#	  What compose.yaml's managed database begins with: the application's schema,
#	  some battles, and what its administrator runs for a rank node.

set -eu
for file in /schema/bixarena.sql /schema/battles.sql; do
	psql --quiet --set=ON_ERROR_STOP=1 --set=arena=api --username postgres --file="$file" >/dev/null
done
psql --quiet --set=ON_ERROR_STOP=1 --username postgres --file=/script/node.sql
psql --quiet --set=ON_ERROR_STOP=1 --username postgres --set=password="$(cat /run/secrets/node)" <<'SQL'
ALTER ROLE bixarena_node PASSWORD :'password';
SQL
