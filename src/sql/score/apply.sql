/*
 * Messages applied to scores.
 *
 * All messages of a call at once: the scores of its players are locked in one order,
 * each message's score before and after it is computed, and scores and events are
 * written.  The players that a call locks have an order, and messages another that comes
 * before, so that no two calls wait for each other.
 */

CREATE FUNCTION bixarena.score_apply(messages bixarena.score_message[])
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
	now_is timestamptz := clock_timestamp();
	expected integer;
	written integer;
	are_small boolean;
BEGIN
	INSERT INTO player (player_id)
	SELECT DISTINCT m.player_id
	FROM pg_catalog.unnest(messages) AS m
	WHERE NOT EXISTS (SELECT FROM player AS p WHERE p.player_id = m.player_id COLLATE "C")
	ORDER BY 1
	ON CONFLICT DO NOTHING;

	-- a period that ends at this moment may have these last scores
	PERFORM FROM (
		SELECT s.board_no, s.player_id
		FROM score AS s
		JOIN (
			SELECT DISTINCT g.board_no, m.player_id
			FROM pg_catalog.unnest(messages) AS m JOIN game AS g ON g.game_id = m.game_id COLLATE "C"
		) AS k ON k.board_no = s.board_no AND k.player_id = s.player_id COLLATE "C"
		ORDER BY s.board_no, s.player_id
		FOR UPDATE OF s
	) AS locked;

	WITH given AS MATERIALIZED (
		SELECT m.n, g.board_no, b.generation, g.operator, g.score_order, m.player_id,
			m.message_id, m.by_content, m.update_type, m.score, m.metadata, m.sent_at, m.role,
			coalesce(m.sent_at, now_is) AS moment,
			s.score AS base, s.reached_at AS base_reached_at, s.place AS base_place,
			row_number() OVER (PARTITION BY g.board_no, m.player_id ORDER BY m.n) AS k
		FROM pg_catalog.unnest(messages) AS m
		JOIN game AS g ON g.game_id = m.game_id COLLATE "C"
		JOIN board AS b ON b.board_no = g.board_no
		LEFT JOIN score AS s ON s.board_no = g.board_no AND s.player_id = m.player_id COLLATE "C"
	), scored AS (
		SELECT v.*, CASE v.operator
			WHEN 'latest' THEN v.score
			WHEN 'sum' THEN coalesce(v.base, 0) + sum(v.score) OVER so_far
			WHEN 'best' THEN CASE v.score_order
				WHEN 'desc' THEN greatest(v.base, max(v.score) OVER so_far)
				ELSE least(v.base, min(v.score) OVER so_far) END
			END AS new_score
		FROM given AS v
		WINDOW so_far AS (PARTITION BY v.board_no, v.player_id ORDER BY v.k)
	), changed AS (
		SELECT c.*, c.new_score IS DISTINCT FROM c.old_score AS is_new
		FROM (
			SELECT s.*, coalesce(lag(s.new_score) OVER (PARTITION BY s.board_no, s.player_id
				ORDER BY s.k), s.base) AS old_score
			FROM scored AS s
		) AS c
	), spans AS (
		SELECT c.*, count(*) FILTER (WHERE c.is_new) OVER (PARTITION BY c.board_no, c.player_id
			ORDER BY c.k) AS span
		FROM changed AS c
	), dated AS (
		-- a score was reached when it last became another
		SELECT s.*, CASE s.span WHEN 0 THEN s.base_reached_at ELSE first_value(s.moment)
			OVER (PARTITION BY s.board_no, s.player_id, s.span ORDER BY s.k) END AS new_reached_at
		FROM spans AS s
	), placed AS MATERIALIZED (
		SELECT d.*, bixarena.score_place(d.new_score, d.score_order = 'desc', d.new_reached_at,
				d.player_id) AS new_place,
			max(d.k) OVER (PARTITION BY d.board_no, d.player_id) = d.k AS is_last
		FROM dated AS d
	), imaged AS MATERIALIZED (
		SELECT p.*,
			coalesce(lag(p.new_reached_at) OVER by_player, p.base_reached_at) AS old_reached_at,
			coalesce(lag(p.new_place) OVER by_player, p.base_place) AS old_place
		FROM placed AS p
		WINDOW by_player AS (PARTITION BY p.board_no, p.player_id ORDER BY p.k)
	), updated AS (
		UPDATE score AS s
		SET score = i.new_score, reached_at = i.new_reached_at, place = i.new_place
		FROM imaged AS i
		WHERE i.is_last AND i.new_place <> i.base_place AND s.place = i.base_place
			AND s.board_no = i.board_no AND s.player_id = i.player_id COLLATE "C"
		RETURNING 1
	), inserted AS (
		INSERT INTO score (board_no, player_id, score, reached_at, place)
		SELECT i.board_no, i.player_id, i.new_score, i.new_reached_at, i.new_place
		FROM imaged AS i
		WHERE i.is_last AND i.base IS NULL
		ORDER BY i.board_no, i.player_id COLLATE "C"
		ON CONFLICT (board_no, player_id) DO NOTHING
		RETURNING 1
	), recorded AS (
		INSERT INTO score_event (board_no, generation, player_id, message_id, update_type,
			submitted, old_score, old_reached_at, old_place, new_score, new_reached_at, new_place,
			metadata, sent_at, role)
		SELECT i.board_no, i.generation, i.player_id, CASE WHEN NOT i.by_content THEN i.message_id END,
			i.update_type, i.score, i.old_score, i.old_reached_at, i.old_place, i.new_score,
			i.new_reached_at, i.new_place, i.metadata, i.sent_at, i.role
		FROM imaged AS i
		ORDER BY i.n
		RETURNING bixarena.score_is_small(new_score) AS is_small
	)
	SELECT (SELECT count(*) FROM imaged AS i
			WHERE i.is_last AND (i.base IS NULL OR i.new_place <> i.base_place)),
		(SELECT count(*) FROM updated) + (SELECT count(*) FROM inserted),
		(SELECT bool_and(r.is_small) FROM recorded AS r)
	INTO expected, written, are_small;
	IF NOT are_small THEN
		RAISE EXCEPTION 'the sum has more than 60 digits before or behind the point'
			USING ERRCODE = 'numeric_value_out_of_range';
	END IF;
	IF written < expected THEN
		-- another session has brought a player's first score since we looked
		RAISE EXCEPTION 'the scores of the players have changed meanwhile'
			USING ERRCODE = 'BX001';
	END IF;
END
$$;
COMMENT ON FUNCTION bixarena.score_apply(bixarena.score_message[]) IS
	'apply messages, in their order, all or none';
