--
-- few_battles.sql
--	  Few battles, for many who change them at the same time: 40 battles of 6 models,
--	  each with an evaluation, a validation and a categorization whose ids are known.
--
INSERT INTO api.leaderboard (slug, name) SELECT s, s FROM unnest('{overall,c1,c2,c3}'::text[]) AS s;
INSERT INTO api.model (id, slug, name, license, external_link, api_model_name, api_base)
SELECT md5('m' || n)::uuid, 'm' || n, 'M' || n, 'open-source', '', '', '' FROM generate_series(1, 6) AS n;
INSERT INTO api.battle (id, user_id, model1_id, model2_id)
SELECT md5('b' || n)::uuid, md5('fixed')::uuid, md5('m' || 1 + n % 6)::uuid, md5('m' || 1 + (n + 1) % 6)::uuid FROM generate_series(1, 40) AS n;
INSERT INTO api.battle_evaluation (battle_id, outcome) SELECT md5('b' || n)::uuid, 'model1' FROM generate_series(1, 40) AS n;
INSERT INTO api.battle_validation (id, battle_id, method, confidence, is_biomedical)
SELECT md5('v' || n)::uuid, md5('b' || n)::uuid, 'test', 1, true FROM generate_series(1, 40) AS n;
INSERT INTO api.battle_categorization (id, battle_id, method, status)
SELECT md5('k' || n)::uuid, md5('b' || n)::uuid, 'test', 'matched' FROM generate_series(1, 40) AS n;
