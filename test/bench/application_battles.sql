--
-- application_battles.sql
--	  Fills the application's schema, as test/schema/bixarena.sql makes it, with so
--	  many battles of 100 models, quickly.
--
-- psql variables: arena, num_battles.  All have an evaluation; nine of ten are valid,
-- and as many have one to three of 20 categories.
--
SET search_path = :"arena", public;
SET synchronous_commit = off;

INSERT INTO leaderboard (slug, name) SELECT s, s
FROM (SELECT 'overall' UNION ALL SELECT 'c' || lpad(n::text, 2, '0') FROM generate_series(1, 20) AS n) AS l (s);
INSERT INTO model (slug, name, license, external_link, api_model_name, api_base)
SELECT 'm' || lpad(n::text, 3, '0'), 'M' || n, 'open-source', '', '', '' FROM generate_series(1, 100) AS n;

CREATE TEMP TABLE numbered AS SELECT row_number() OVER (ORDER BY slug) AS n, id FROM model;
CREATE TEMP TABLE drawn AS
SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS v, gen_random_uuid() AS k,
	1 + (random() * 99)::int AS m1, 1 + (random() * 98)::int AS step, random() AS o
FROM generate_series(1, :num_battles) AS n;
ANALYZE numbered;
ANALYZE drawn;

INSERT INTO battle (id, user_id, model1_id, model2_id)
SELECT d.id, ('00000000-0000-0000-0000-' || lpad((d.n % (:num_battles / 20 + 1))::text, 12, '0'))::uuid, a.id, b.id
FROM drawn AS d JOIN numbered AS a ON a.n = d.m1 JOIN numbered AS b ON b.n = 1 + (d.m1 - 1 + d.step) % 100;
INSERT INTO battle_evaluation (battle_id, outcome)
SELECT id, CASE WHEN o < 0.2 THEN 'tie' WHEN o < 0.6 + (step - m1) / 1000.0 THEN 'model1' ELSE 'model2' END FROM drawn;
INSERT INTO battle_validation (id, battle_id, method, confidence, is_biomedical) SELECT v, id, 'auto', 0.9, n % 10 > 0 FROM drawn;
INSERT INTO battle_categorization (id, battle_id, method, status) SELECT k, id, 'auto', CASE WHEN n % 10 = 1 THEN 'failed' ELSE 'matched' END FROM drawn;
INSERT INTO battle_categorization_category
SELECT DISTINCT d.k, 'c' || lpad((1 + (d.n * 7 + c * 3) % 20)::text, 2, '0') FROM drawn AS d, generate_series(0, 2) AS c WHERE c <= d.n % 3;
UPDATE battle AS b SET effective_validation_id = d.v, effective_categorization_id = d.k FROM drawn AS d WHERE d.id = b.id;
DROP TABLE drawn, numbered;
RESET search_path;
RESET synchronous_commit;
