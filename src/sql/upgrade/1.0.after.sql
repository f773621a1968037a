-- Views that 1.0 has left in arenas: those in the application's schema go.
DO $$
BEGIN
	PERFORM bixarena.arena_retire_view(a.name, false)
	FROM bixarena.arena AS a
	JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=) a.name
	ORDER BY a.name;
END
$$;

-- Members may call what their kind may now call.
DO $$
DECLARE
	needed record;
BEGIN
	FOR needed IN
		SELECT DISTINCT m.role, r.object
		FROM bixarena.membership AS m
		JOIN pg_catalog.pg_namespace AS n ON n.nspname OPERATOR(pg_catalog.=) m.arena
		JOIN pg_catalog.pg_roles AS p ON p.rolname OPERATOR(pg_catalog.=) m.role,
			LATERAL bixarena.role_rights(m.kind, m.arena) AS r
		WHERE r.object_type OPERATOR(pg_catalog.=) 'ROUTINE'
	LOOP
		EXECUTE pg_catalog.format('GRANT EXECUTE ON ROUTINE %s TO %I',
			needed.object, needed.role);
	END LOOP;
END
$$;
