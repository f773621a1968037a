--
-- votes.sql
--	  Draws votes between models of known strengths into a plain table.
--
-- psql variables: table, num_models, num_votes.  A fifth of the votes are ties;
-- the strengths are spread evenly over two natural logarithms, 347 points.
--
SELECT setseed(0.5);

CREATE TABLE :"table" AS
SELECT format('model %s', lpad(first::text, 4, '0')) AS model1,
	format('model %s', lpad(second::text, 4, '0')) AS model2,
	CASE
		WHEN tie_draw < 0.2 THEN 'tie'
		WHEN win_draw < 1 / (1 + exp(2.0::float8 * (second - first) / :num_models))
			THEN 'model1'
		ELSE 'model2'
	END AS outcome
FROM (SELECT first, (first + step) % :num_models AS second, tie_draw, win_draw
	FROM (SELECT floor(random() * :num_models)::integer AS first,
			1 + floor(random() * (:num_models - 1))::integer AS step,
			random() AS tie_draw, random() AS win_draw
		FROM generate_series(1, :num_votes)) AS draw) AS pair;

VACUUM ANALYZE :"table";
