/* bixarena_rank: installed by CREATE EXTENSION bixarena_rank */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION bixarena_rank" to load this file. \quit

-- a schema that somebody else has made may hold anything
DO $$
BEGIN
	IF pg_catalog.to_regnamespace('bixarena') IS NOT NULL THEN
		RAISE EXCEPTION 'schema "bixarena" exists already'
			USING ERRCODE = 'duplicate_schema',
				DETAIL = 'The extension bixarena_rank makes a schema of this name for its tables.',
				HINT = 'Rename the schema, or drop it if it is left over.';
	END IF;
END
$$;

