-- node-attach.sql
--	  Server, user mapping, arena and schedule of a rank node, as the environment says.
--	  It may be run again: what has changed is changed.

-- no statement is written into the log, be it that it fails or that it is slow: it may
-- have the password
SET log_min_error_statement = panic;
SET log_statement = none;
SET log_min_duration_statement = -1;
SET log_min_duration_sample = -1;
SET log_transaction_sample_rate = 0;
SET client_min_messages = warning;

\getenv host FAR_HOST
\getenv port FAR_PORT
\getenv database FAR_DATABASE
\getenv user FAR_USER
\getenv password FAR_PASSWORD
\getenv schema FAR_SCHEMA
\getenv schedule FAR_SCHEDULE
\getenv sslmode FAR_SSLMODE
\getenv sslrootcert FAR_SSLROOTCERT

CREATE EXTENSION IF NOT EXISTS bixarena_rank;
ALTER EXTENSION bixarena_rank UPDATE;
CREATE EXTENSION IF NOT EXISTS postgres_fdw;

SELECT format(
	CASE WHEN EXISTS (SELECT FROM pg_foreign_server WHERE srvname = 'managed')
		THEN 'ALTER SERVER managed OPTIONS (SET host %L, SET port %L, SET dbname %L, SET sslmode %L, SET sslrootcert %L)'
		ELSE 'CREATE SERVER managed FOREIGN DATA WRAPPER postgres_fdw'
			' OPTIONS (host %L, port %L, dbname %L, sslmode %L, sslrootcert %L)' END,
	:'host', :'port', :'database', :'sslmode', :'sslrootcert') \gexec
SELECT format(
	CASE WHEN EXISTS (SELECT FROM pg_user_mappings WHERE srvname = 'managed' AND usename = current_user)
		THEN 'ALTER USER MAPPING FOR CURRENT_USER SERVER managed OPTIONS (SET user %L, SET password %L)'
		ELSE 'CREATE USER MAPPING FOR CURRENT_USER SERVER managed OPTIONS (user %L, password %L)' END,
	:'user', :'password') \gexec

SELECT bixarena_attach_remote('managed', schema => :'schema');
SELECT bixarena_schedule(:'schedule', arena => :'schema') WHERE :'schedule' <> '';
SELECT bixarena_unschedule(arena => :'schema')
WHERE :'schedule' = '' AND to_regclass('cron.job') IS NOT NULL;
