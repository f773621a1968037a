-- Fills the application's schema named by the variable "arena": 21
-- leaderboards, 24 models and 5000 battles, the same ones whenever and wherever
-- it is run.  Battles without an evaluation, without a validation or a
-- categorization, validated as not biomedical, abstained and failed ones, and
-- such that an earlier validation or categorization said something else.

SET search_path = :"arena", public;

-- a number in [0, 1) that a text stands for
CREATE OR REPLACE FUNCTION pg_temp.draw(text) RETURNS double precision
LANGUAGE sql IMMUTABLE AS $$
	SELECT ('x' || substr(md5($1), 1, 7))::bit(28)::int / 268435456.0
$$;

INSERT INTO leaderboard (id, slug, name)
SELECT md5('leaderboard ' || s)::uuid, s, initcap(replace(s, '-', ' '))
FROM unnest('{overall,cardiology,dermatology,endocrinology,epidemiology,
	gastroenterology,genetics,geriatrics,hematology,immunology,
	infectious-diseases,microbiology,nephrology,neuroscience,oncology,
	pediatrics,pharmacology,psychiatry,radiology,surgery,toxicology}'::text[]) AS s;

-- every fourth model is retired; two share a name; the last two have no battle
INSERT INTO model (id, slug, name, license, active, external_link, organization,
	api_model_name, api_base)
SELECT md5('model ' || n)::uuid, format('model-%s', lpad(n::text, 2, '0')),
	CASE WHEN n IN (5, 17) THEN 'Twin' ELSE format('Model %s', n) END,
	CASE n % 3 WHEN 0 THEN 'open-source' ELSE 'proprietary' END, n % 4 > 0,
	'https://example.org/', CASE WHEN n % 5 > 0 THEN format('Lab %s', n % 5) END,
	format('model/%s', n), 'https://api.example.org/'
FROM generate_series(1, 24) AS n;

-- model n is 22 points stronger than model n + 1
CREATE TEMP TABLE drawn AS
SELECT n, md5('battle ' || n)::uuid AS id, m1, m2,
	CASE WHEN pg_temp.draw('tie' || n) < 0.2 THEN 'tie'
		WHEN pg_temp.draw('won' || n) < 1 / (1 + 10 ^ ((m1 - m2) * 22 / 400.0)) THEN 'model1'
		ELSE 'model2' END AS outcome,
	timestamptz '2025-01-01 00:00:00+00' + n * interval '10 minutes' AS created_at,
	pg_temp.draw('validation' || n) AS v, pg_temp.draw('categorization' || n) AS k
FROM generate_series(1, 5000) AS n,
	LATERAL (SELECT pg_temp.draw('a' || n), pg_temp.draw('b' || n)) AS d (a, b),
	LATERAL (SELECT 1 + floor(a * 22)::int AS m1,
		1 + (floor(a * 22)::int + 1 + floor(b * 21)::int) % 22 AS m2) AS m;

INSERT INTO battle (id, user_id, model1_id, model2_id, created_at, ended_at)
SELECT id, md5('user ' || n % 300)::uuid, md5('model ' || m1)::uuid,
	md5('model ' || m2)::uuid, created_at, created_at + interval '4 minutes'
FROM drawn;
INSERT INTO battle_evaluation (battle_id, outcome, created_at)
SELECT id, outcome, created_at + interval '5 minutes'
FROM drawn WHERE n % 20 > 0;

INSERT INTO battle_validation (id, battle_id, method, confidence, is_biomedical)
SELECT md5('validation ' || n)::uuid, id, 'classifier', 0.875, v >= 0.25
FROM drawn WHERE v >= 0.1
UNION ALL
SELECT md5('earlier validation ' || n)::uuid, id, 'draft', 0.125, v < 0.25
FROM drawn WHERE n % 3 = 0;
UPDATE battle AS b SET effective_validation_id = v.id
FROM battle_validation AS v WHERE v.battle_id = b.id AND v.method = 'classifier';

INSERT INTO battle_categorization (id, battle_id, method, status)
SELECT md5('categorization ' || n)::uuid, id, 'classifier',
	CASE WHEN k < 0.2 THEN 'abstained' WHEN k < 0.3 THEN 'failed' ELSE 'matched' END
FROM drawn WHERE k >= 0.1
UNION ALL
SELECT md5('earlier categorization ' || n)::uuid, id, 'draft', 'matched'
FROM drawn WHERE n % 3 = 0;
UPDATE battle AS b SET effective_categorization_id = k.id
FROM battle_categorization AS k WHERE k.battle_id = b.id AND k.method = 'classifier';

-- one to three categories, also where they do not count; toxicology is rare
INSERT INTO battle_categorization_category
SELECT md5(c.kind || 'categorization ' || n)::uuid,
	slugs[1 + floor(pg_temp.draw(c.kind || 'category' || n || ' ' || i) * 19)::int]
FROM drawn, (VALUES (''), ('earlier ')) AS c (kind), generate_series(1, 1 + n % 3) AS i,
	(SELECT array_agg(slug ORDER BY slug COLLATE "C") AS slugs FROM leaderboard
	WHERE slug NOT IN ('overall', 'toxicology')) AS l
WHERE CASE c.kind WHEN '' THEN k >= 0.1 ELSE n % 3 = 0 END
ON CONFLICT DO NOTHING;
INSERT INTO battle_categorization_category
SELECT md5('categorization ' || n)::uuid, 'toxicology'
FROM drawn WHERE n % 250 = 1 AND k >= 0.3;

DROP TABLE drawn;
RESET search_path;
ANALYZE :"arena".battle, :"arena".battle_evaluation, :"arena".battle_validation,
	:"arena".battle_categorization, :"arena".battle_categorization_category;
