-- All that the catalogs say of the extension's objects, as lines of text: for
-- comparing a fresh installation with one that was upgraded.
--
-- What is compared: which objects are members; functions, aggregates, operators,
-- casts, tables, views, their columns, constraints, indexes, policies, triggers and
-- rules; types; comments; rights, and those of them that pg_dump takes as given; and which tables
-- pg_dump saves.  Nothing here depends on oids, on the order of rights, or on
-- columns that were dropped; but the order of columns counts.

WITH extension AS (
	SELECT * FROM pg_extension WHERE extname = 'bixarena_rank'
), member AS (
	SELECT d.classid, d.objid, i.type, i.identity, m.description
	FROM extension AS e
	JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass
		AND d.refobjid = e.oid AND d.deptype = 'e'
	CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
	LEFT JOIN pg_description AS m
		ON m.classoid = d.classid AND m.objoid = d.objid AND m.objsubid = 0
), relation AS (
	-- a composite type is a member as a type, and has its columns in pg_class
	SELECT m.identity, c.*
	FROM member AS m
	JOIN pg_class AS c ON (m.classid = 'pg_class'::regclass AND c.oid = m.objid)
		OR (m.classid = 'pg_type'::regclass AND c.reltype = m.objid AND c.relkind = 'c')
), acl AS (
	SELECT m.identity, coalesce(p.proacl, acldefault('f', p.proowner)) AS items
	FROM member AS m JOIN pg_proc AS p
		ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
	UNION ALL
	SELECT r.identity, coalesce(r.relacl,
		acldefault(CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, r.relowner))
	FROM relation AS r WHERE r.relkind <> 'c'
	UNION ALL
	SELECT m.identity, coalesce(t.typacl, acldefault('T', t.typowner))
	FROM member AS m JOIN pg_type AS t
		ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
	UNION ALL
	SELECT m.identity, coalesce(n.nspacl, acldefault('n', n.nspowner))
	FROM member AS m JOIN pg_namespace AS n
		ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
	UNION ALL
	SELECT r.identity || '.' || quote_ident(a.attname), a.attacl
	FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
	WHERE a.attacl IS NOT NULL
	UNION ALL
	SELECT m.identity || ' at first', i.initprivs
	FROM member AS m JOIN pg_init_privs AS i
		ON i.classoid = m.classid AND i.objoid = m.objid AND i.objsubid = 0
	WHERE i.privtype = 'e'
), facts (object, fact) AS (
	SELECT 'extension'::text, format('schema %s, relocatable %s, owner %s, "%s"',
		e.extnamespace::regnamespace, e.extrelocatable, e.extowner::regrole,
		obj_description(e.oid, 'pg_extension'))
	FROM extension AS e
	UNION ALL
	SELECT t.id::regclass::text, format('saved by pg_dump WHERE %L', t.condition)
	FROM extension AS e
	CROSS JOIN LATERAL unnest(e.extconfig, e.extcondition) AS t (id, condition)
	UNION ALL
	SELECT m.identity, format('%s "%s"', m.type, m.description) FROM member AS m
	UNION ALL
	SELECT a.identity, format('%s: %s%s', coalesce(nullif(i.grantee, 0)::regrole::text, 'PUBLIC'),
		i.privilege_type, CASE WHEN i.is_grantable THEN ' WITH GRANT OPTION' END)
	FROM acl AS a CROSS JOIN LATERAL aclexplode(a.items) AS i

	UNION ALL
	SELECT m.identity, format('owner %s, %s', p.proowner::regrole,
		CASE p.prokind WHEN 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END)
	FROM member AS m JOIN pg_proc AS p
		ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid

	UNION ALL
	SELECT m.identity, format('type %s of category %s, owner %s, not null %s, default %s, labels %s',
		t.typtype, t.typcategory, t.typowner::regrole, t.typnotnull, t.typdefault,
		(SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder)
			FROM pg_enum AS e WHERE e.enumtypid = t.oid))
	FROM member AS m JOIN pg_type AS t
		ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
	UNION ALL
	SELECT m.identity, format('input %s, output %s, receive %s, send %s, length %s, alignment %s, storage %s',
		t.typinput, t.typoutput, t.typreceive, t.typsend, t.typlen, t.typalign, t.typstorage)
	FROM member AS m JOIN pg_type AS t
		ON m.classid = 'pg_type'::regclass AND t.oid = m.objid AND t.typtype = 'b' AND t.typelem = 0
	UNION ALL
	SELECT m.identity, format('state %s, transition %s, final %s, combine %s, serial %s, deserial %s, parallel %s, arguments %s',
		a.aggtranstype::regtype, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn,
		p.proparallel, pg_get_function_arguments(p.oid))
	FROM member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
	JOIN pg_aggregate AS a ON a.aggfnoid = p.oid
	UNION ALL
	SELECT m.identity, format('function %s, commutator %s, negator %s, estimates %s %s, hashes %s, merges %s',
		o.oprcode, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprrest, o.oprjoin, o.oprcanhash, o.oprcanmerge)
	FROM member AS m JOIN pg_operator AS o ON m.classid = 'pg_operator'::regclass AND o.oid = m.objid
	UNION ALL
	SELECT m.identity, format('function %s, context %s', c.castfunc::regprocedure, c.castcontext)
	FROM member AS m JOIN pg_cast AS c ON m.classid = 'pg_cast'::regclass AND c.oid = m.objid
	UNION ALL
	SELECT m.identity, format('default %s: %s %s', c.opcdefault,
		(SELECT array_agg(format('%s %s', o.amopstrategy, o.amopopr::regoperator)) FROM pg_amop AS o WHERE o.amopfamily = c.opcfamily),
		(SELECT array_agg(format('%s %s', f.amprocnum, f.amproc) ORDER BY f.amprocnum) FROM pg_amproc AS f WHERE f.amprocfamily = c.opcfamily))
	FROM member AS m JOIN pg_opclass AS c ON m.classid = 'pg_opclass'::regclass AND c.oid = m.objid

	UNION ALL
	SELECT r.identity, format('%s, %s, owner %s, options %s, row security %s %s, replica identity %s, access method %s',
		r.relkind, r.relpersistence, r.relowner::regrole, r.reloptions,
		r.relrowsecurity, r.relforcerowsecurity, r.relreplident,
		(SELECT a.amname FROM pg_am AS a WHERE a.oid = r.relam))
	FROM relation AS r
	UNION ALL
	SELECT r.identity, 'view: ' || pg_get_viewdef(r.oid)
	FROM relation AS r WHERE r.relkind IN ('v', 'm')
	UNION ALL
	SELECT format('%s.%I', r.identity, a.attname),
		format('column %s: %s%s%s%s%s%s, storage %s %s, options %s, statistics %s "%s"',
			row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum),
			format_type(a.atttypid, a.atttypmod),
			' COLLATE ' || nullif(a.attcollation, 0)::regcollation::text,
			CASE WHEN a.attnotnull THEN ' NOT NULL' END,
			' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
			' IDENTITY ' || nullif(a.attidentity::text, ''),
			' GENERATED ' || nullif(a.attgenerated::text, ''),
			a.attstorage, a.attcompression,
			-- without the stamp by which some servers tell versions of a column apart
			(SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE o !~ '^pg_attver='),
			-- "none" is -1 before PostgreSQL 17, and null from there on
			nullif(to_jsonb(a) ->> 'attstattarget', '-1'), col_description(r.oid, a.attnum))
	FROM relation AS r
	JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
	LEFT JOIN pg_attrdef AS d ON d.adrelid = r.oid AND d.adnum = a.attnum
	UNION ALL
	SELECT format('%s: constraint %I', coalesce(r.identity, m.identity), c.conname),
		format('%s, validated %s "%s"', pg_get_constraintdef(c.oid), c.convalidated,
			obj_description(c.oid, 'pg_constraint'))
	FROM pg_constraint AS c
	LEFT JOIN relation AS r ON r.oid = c.conrelid
	LEFT JOIN member AS m ON m.classid = 'pg_type'::regclass AND m.objid = c.contypid
	WHERE coalesce(r.identity, m.identity) IS NOT NULL
	UNION ALL
	SELECT format('%s: index %s', r.identity, i.indexrelid::regclass),
		format('%s, valid %s, clustered %s, replica identity %s "%s"',
			pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered,
			i.indisreplident, obj_description(i.indexrelid, 'pg_class'))
	FROM relation AS r JOIN pg_index AS i ON i.indrelid = r.oid
	UNION ALL
	SELECT format('%s: policy %I', r.identity, p.polname),
		format('%s, permissive %s, for %s, to %s, using %s, check %s "%s"',
			p.polcmd, p.polpermissive, p.polcmd, p.polroles::regrole[],
			pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
			obj_description(p.oid, 'pg_policy'))
	FROM relation AS r JOIN pg_policy AS p ON p.polrelid = r.oid
	UNION ALL
	SELECT format('%s: trigger %I', r.identity, t.tgname),
		format('%s, enabled %s "%s"', pg_get_triggerdef(t.oid), t.tgenabled,
			obj_description(t.oid, 'pg_trigger'))
	FROM relation AS r JOIN pg_trigger AS t ON t.tgrelid = r.oid AND NOT t.tgisinternal
	UNION ALL
	SELECT format('%s: rule %I', r.identity, w.rulename),
		format('%s, enabled %s', pg_get_ruledef(w.oid), w.ev_enabled)
	FROM relation AS r JOIN pg_rewrite AS w ON w.ev_class = r.oid
	UNION ALL
	SELECT r.identity, format('sequence %s', (to_jsonb(s) - 'seqrelid' - 'seqtypid')
		|| jsonb_build_object('type', s.seqtypid::regtype))
	FROM relation AS r JOIN pg_sequence AS s ON s.seqrelid = r.oid
)
-- one line each
SELECT f.line
FROM facts, LATERAL (VALUES (replace(replace(object || ' ' || fact, '\', '\\'), E'\n', '\n'))) AS f (line)
ORDER BY f.line COLLATE "C";
