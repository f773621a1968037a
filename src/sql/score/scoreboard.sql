/*
 * Scoreboards: schemas of a user's with games, players, and scores that come in as
 * messages.
 *
 * A scoreboard is known by a table of this name in it, which has its settings.  So
 * nothing of it is ours: DROP EXTENSION leaves it, and a dump has all of it.
 *
 * Functions that work in one name its tables by the schema, and have their search_path
 * pinned.  scoreboard.c sees to it that nothing of the owner's runs as another role.
 */

CREATE FUNCTION bixarena.scoreboard_exists(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_is_scoreboard'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.scoreboard_exists(text) IS
	'has a schema the tables of a scoreboard, plain ones of its owner?';

CREATE FUNCTION bixarena.scoreboard_list()
RETURNS SETOF text
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT n.nspname::text
	FROM pg_class AS c
	JOIN pg_namespace AS n ON n.oid = c.relnamespace
	WHERE c.relname = 'scoreboard' AND bixarena.scoreboard_exists(n.nspname)
	ORDER BY 1
$$;
COMMENT ON FUNCTION bixarena.scoreboard_list() IS 'schemas that are scoreboards';

CREATE FUNCTION bixarena.scoreboard_open(scoreboard text, writes boolean)
RETURNS text
AS 'MODULE_PATHNAME', 'bixarena_open_scoreboard'
LANGUAGE C STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION bixarena.scoreboard_open(text, boolean) IS
	'the schema of the scoreboard meant by a name, or by none, quoted; an error if that runs code of its owner''s';

CREATE FUNCTION bixarena_create_scoreboard(name text)
RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	PERFORM bixarena.arena_check_name(name, 'a scoreboard');
	EXECUTE format($sql$
		CREATE SCHEMA %1$I;
		COMMENT ON SCHEMA %1$I IS 'a scoreboard of bixarena_rank';

		CREATE TABLE %1$I.scoreboard (
			keep_messages_days double precision NOT NULL DEFAULT 14
				CHECK (keep_messages_days BETWEEN 0.01 AND 3650),
			keep_dead_letters_days double precision NOT NULL DEFAULT 14
				CHECK (keep_dead_letters_days BETWEEN 0.01 AND 3650),
			keep_events_days double precision
				CHECK (keep_events_days BETWEEN 1 AND 36500),
			max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts BETWEEN 1 AND 100),
			retry_seconds double precision NOT NULL DEFAULT 2
				CHECK (retry_seconds BETWEEN 0 AND 3600),
			max_future_seconds double precision NOT NULL DEFAULT 300
				CHECK (max_future_seconds BETWEEN 0 AND 1e9),
			dead_letters_critical integer NOT NULL DEFAULT 10
				CHECK (dead_letters_critical >= 0),
			notify_channel text CHECK (octet_length(notify_channel) BETWEEN 1 AND 63),
			workers integer NOT NULL DEFAULT 2 CHECK (workers BETWEEN 1 AND 16),
			max_upload_mb integer NOT NULL DEFAULT 256 CHECK (max_upload_mb BETWEEN 1 AND 1000)
		);
		CREATE UNIQUE INDEX ON %1$I.scoreboard ((true));
		INSERT INTO %1$I.scoreboard DEFAULT VALUES;
		COMMENT ON TABLE %1$I.scoreboard IS 'settings of the scoreboard, in one row';

		CREATE TABLE %1$I.game (
			game_id text COLLATE "C" PRIMARY KEY
				CHECK (octet_length(game_id) BETWEEN 1 AND 255),
			name text NOT NULL,
			score_order text NOT NULL CHECK (score_order IN ('desc', 'asc')),
			operator text NOT NULL CHECK (operator IN ('best', 'latest', 'sum')),
			reset_schedule text,
			board_no integer NOT NULL,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp()
		);
		COMMENT ON TABLE %1$I.game IS 'leaderboards: how scores count in each';
		COMMENT ON COLUMN %1$I.game.board_no IS 'the board of the period that runs';

		CREATE TABLE %1$I.board (
			board_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			game_id text COLLATE "C" NOT NULL REFERENCES %1$I.game
				DEFERRABLE INITIALLY DEFERRED,
			generation integer NOT NULL DEFAULT 1,
			started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			ended_at timestamptz
		);
		CREATE INDEX ON %1$I.board (game_id, started_at);
		COMMENT ON TABLE %1$I.board IS 'periods of games, each with scores of its own';
		COMMENT ON COLUMN %1$I.board.generation IS 'how often its counts were made anew';

		CREATE TABLE %1$I.player (
			player_id text COLLATE "C" PRIMARY KEY
				CHECK (octet_length(player_id) BETWEEN 1 AND 255),
			name text,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp()
		);
		COMMENT ON TABLE %1$I.player IS 'players: they come into being with their first score';

		CREATE TABLE %1$I.score (
			board_no integer NOT NULL,
			player_id text COLLATE "C" NOT NULL,
			score numeric NOT NULL,
			reached_at timestamptz NOT NULL,
			place bytea NOT NULL,
			PRIMARY KEY (board_no, player_id)
		);
		CREATE UNIQUE INDEX score_place ON %1$I.score (board_no, place);
		COMMENT ON TABLE %1$I.score IS 'the score of each player, as it is now';
		COMMENT ON COLUMN %1$I.score.place IS
			'sorts as the players stand: by score, when it was reached, and player';

		CREATE TABLE %1$I.score_event (
			event_id bigint GENERATED ALWAYS AS IDENTITY,
			board_no integer NOT NULL,
			generation integer NOT NULL,
			xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
			player_id text COLLATE "C" NOT NULL,
			message_id text,
			update_type text NOT NULL,
			submitted numeric NOT NULL,
			old_score numeric,
			old_reached_at timestamptz,
			old_place bytea,
			new_score numeric NOT NULL,
			new_reached_at timestamptz NOT NULL,
			new_place bytea NOT NULL,
			metadata jsonb,
			sent_at timestamptz,
			role text NOT NULL DEFAULT current_user,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			PRIMARY KEY (board_no, generation, xid, event_id)
		);
		CREATE INDEX score_event_player ON %1$I.score_event (player_id, event_id);
		COMMENT ON TABLE %1$I.score_event IS
			'what has happened: each message that was applied, and the score before and after it';
		COMMENT ON COLUMN %1$I.score_event.old_score IS 'null: the player had none';
		COMMENT ON COLUMN %1$I.score_event.role IS 'who submitted it';
		COMMENT ON COLUMN %1$I.score_event.xid IS
			'the transaction: which events the counts do not have yet';

		CREATE TABLE %1$I.rank_node (
			board_no integer NOT NULL,
			level smallint NOT NULL,
			first_place bytea NOT NULL,
			node_no integer NOT NULL,
			bounds bytea[] NOT NULL,
			children integer[],
			PRIMARY KEY (board_no, level, first_place)
		) WITH (toast_tuple_target = 8160);
		ALTER TABLE %1$I.rank_node ALTER bounds SET STORAGE MAIN;
		COMMENT ON TABLE %1$I.rank_node IS
			'ranges of places, to count players by: where each range begins';
		CREATE TABLE %1$I.rank_count (
			board_no integer NOT NULL,
			node_no integer NOT NULL,
			total bigint NOT NULL,
			counts integer[] NOT NULL,
			PRIMARY KEY (board_no, node_no)
		) WITH (fillfactor = 50);
		COMMENT ON TABLE %1$I.rank_count IS 'how many players each range has';
		CREATE TABLE %1$I.rank_fold (
			board_no integer PRIMARY KEY,
			server bigint NOT NULL,
			next_xid xid8 NOT NULL,
			open_xids xid8[] NOT NULL,
			next_node_no integer NOT NULL,
			last_event_id bigint NOT NULL DEFAULT 0,
			folded_at timestamptz NOT NULL DEFAULT clock_timestamp()
		) WITH (fillfactor = 50);
		COMMENT ON TABLE %1$I.rank_fold IS
			'up to which transactions the counts have the events';
		COMMENT ON COLUMN %1$I.rank_fold.server IS
			'where these transactions were: a dump that is restored elsewhere is counted anew';
		COMMENT ON COLUMN %1$I.rank_fold.open_xids IS
			'transactions before next_xid whose events the counts do not have';

		CREATE TABLE %1$I.message (
			message_id text COLLATE "C" NOT NULL,
			by_content boolean NOT NULL,
			received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			PRIMARY KEY (message_id, by_content)
		);
		CREATE INDEX message_received ON %1$I.message USING brin (received_at);
		COMMENT ON TABLE %1$I.message IS 'messages that have come in, each to count once';
		COMMENT ON COLUMN %1$I.message.by_content IS
			'the message had no id: this is the hash of its content';

		CREATE TABLE %1$I.queue_lane (lane smallint PRIMARY KEY);
		INSERT INTO %1$I.queue_lane SELECT generate_series(0, 15);
		COMMENT ON TABLE %1$I.queue_lane IS
			'lanes of the queue: who works at one has its row locked';
		CREATE TABLE %1$I.queue (
			lane smallint NOT NULL,
			queue_id bigint GENERATED ALWAYS AS IDENTITY,
			message_id text COLLATE "C" NOT NULL,
			by_content boolean NOT NULL,
			player_id text COLLATE "C" NOT NULL,
			game_id text COLLATE "C" NOT NULL,
			content jsonb NOT NULL,
			role regrole NOT NULL DEFAULT current_user::regrole,
			attempts integer NOT NULL DEFAULT 0,
			due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			error_sqlstate text,
			error_message text,
			PRIMARY KEY (lane, queue_id)
		);
		COMMENT ON TABLE %1$I.queue IS
			'messages that wait: those of a player in a game are in one lane, in their order';

		CREATE TABLE %1$I.dead_letter (
			dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			message_id text COLLATE "C",
			content jsonb NOT NULL,
			content_hash bytea NOT NULL UNIQUE,
			reason text NOT NULL,
			sqlstate text NOT NULL,
			attempts integer NOT NULL,
			arrivals integer NOT NULL DEFAULT 1,
			role text NOT NULL,
			first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			died_at timestamptz NOT NULL DEFAULT clock_timestamp()
		);
		CREATE INDEX ON %1$I.dead_letter (died_at);
		COMMENT ON TABLE %1$I.dead_letter IS
			'messages that cannot be applied, or could not in all attempts';
		COMMENT ON COLUMN %1$I.dead_letter.content IS
			'the message, or what it begins with if it is longer than 64 kB';

		CREATE TABLE %1$I.upload_column (
			source text COLLATE "C" NOT NULL CHECK (octet_length(source) BETWEEN 1 AND 255),
			column_name text COLLATE "C" NOT NULL
				CHECK (column_name ~ '^[^A-Z]+$' AND octet_length(column_name) BETWEEN 1 AND 63),
			column_type text NOT NULL DEFAULT 'number' CHECK (column_type IN ('number', 'text')),
			is_required boolean NOT NULL DEFAULT true,
			PRIMARY KEY (source, column_name)
		);
		COMMENT ON TABLE %1$I.upload_column IS 'columns that files of a source must or may have';
		CREATE TABLE %1$I.upload (
			run_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			run_id uuid NOT NULL UNIQUE,
			run_ts timestamptz NOT NULL,
			key text COLLATE "C" NOT NULL,
			source text COLLATE "C" NOT NULL,
			partition text COLLATE "C" NOT NULL,
			snapshot_date date NOT NULL,
			version integer,
			format text NOT NULL,
			size bigint NOT NULL,
			sha256 bytea NOT NULL,
			status text NOT NULL CHECK (status IN ('accepted', 'refused')),
			num_rows integer NOT NULL,
			metrics text[] NOT NULL,
			num_errors bigint NOT NULL,
			errors jsonb NOT NULL,
			role text NOT NULL DEFAULT current_user,
			UNIQUE (source, partition, snapshot_date, version)
		);
		CREATE INDEX upload_key ON %1$I.upload (key, run_no);
		CREATE INDEX upload_refused ON %1$I.upload (run_ts) WHERE status = 'refused';
		COMMENT ON TABLE %1$I.upload IS 'files that have come in, also those that were refused';
		COMMENT ON COLUMN %1$I.upload.partition IS 'the other parts of the key, by name';
		COMMENT ON COLUMN %1$I.upload.version IS 'the highest of a date is the current; null: refused';
		COMMENT ON COLUMN %1$I.upload.errors IS 'why a file was refused: line, column, value and message';
		CREATE TABLE %1$I.upload_content (
			run_no integer PRIMARY KEY,
			content bytea NOT NULL
		);
		ALTER TABLE %1$I.upload_content ALTER content SET STORAGE EXTERNAL;
		CREATE TABLE %1$I.upload_file (
			key text COLLATE "C" PRIMARY KEY,
			size bigint NOT NULL,
			modified_at timestamptz NOT NULL
		);
		COMMENT ON TABLE %1$I.upload_file IS 'files of a folder, as they were when they were last read';
		COMMENT ON TABLE %1$I.upload_content IS 'the bytes of each file, as they came';
		CREATE TABLE %1$I.standing (
			run_no integer NOT NULL,
			row_no integer NOT NULL,
			player_id text COLLATE "C" NOT NULL,
			name text,
			attributes jsonb,
			values numeric[] NOT NULL,
			ranks integer[] NOT NULL,
			snapshot_date date NOT NULL,
			ingested_at timestamptz NOT NULL,
			run_id uuid NOT NULL,
			record_hash bytea NOT NULL,
			PRIMARY KEY (run_no, row_no)
		);
		CREATE INDEX standing_player ON %1$I.standing (player_id, run_no);
		COMMENT ON TABLE %1$I.standing IS 'the rows of files that were accepted';
		COMMENT ON COLUMN %1$I.standing.values IS 'of the upload''s metrics, in their order; null: none';
		COMMENT ON COLUMN %1$I.standing.ranks IS 'by each of these';
		COMMENT ON COLUMN %1$I.standing.record_hash IS
			'SHA-256 of the names and values of the row''s columns, in the order of names';
		CREATE TABLE %1$I.standing_order (
			run_no integer NOT NULL,
			metric_no smallint NOT NULL,
			piece_no integer NOT NULL,
			row_nos integer[] NOT NULL,
			PRIMARY KEY (run_no, metric_no, piece_no)
		);
		ALTER TABLE %1$I.standing_order ALTER row_nos SET STORAGE MAIN;
		COMMENT ON TABLE %1$I.standing_order IS
			'the rows of an upload as they stand by a metric, in pieces of 400';

		CREATE FUNCTION %1$I.refuse_upload_change() RETURNS trigger
		LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $refuse$
		BEGIN
			RAISE EXCEPTION 'what was uploaded is not changed'
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'Upload a better file with the same key: it is the next version.';
		END
		$refuse$;
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.upload
			EXECUTE FUNCTION %1$I.refuse_upload_change();
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.upload_content
			EXECUTE FUNCTION %1$I.refuse_upload_change();
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.standing
			EXECUTE FUNCTION %1$I.refuse_upload_change();
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.standing_order
			EXECUTE FUNCTION %1$I.refuse_upload_change();

		CREATE FUNCTION %1$I.refuse_change() RETURNS trigger
		LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $refuse$
		BEGIN
			-- retention alone removes events, and only old ones
			IF TG_OP = 'DELETE' AND OLD.created_at <= now() - (SELECT s.keep_events_days
					FROM %1$I.scoreboard AS s) * interval '1 day' THEN
				RETURN OLD;
			END IF;
			RAISE EXCEPTION 'events are not changed'
				USING ERRCODE = 'object_not_in_prerequisite_state',
					HINT = 'The setting keep_events_days says when they may be deleted.';
		END
		$refuse$;
		CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON %1$I.score_event
			FOR EACH ROW EXECUTE FUNCTION %1$I.refuse_change();
		CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON %1$I.score_event
			EXECUTE FUNCTION %1$I.refuse_change();
	$sql$, name);
	RETURN name;
END
$$;
COMMENT ON FUNCTION bixarena_create_scoreboard(text) IS
	'make a schema with all that a scoreboard needs';
-- it creates a schema
REVOKE ALL ON FUNCTION bixarena_create_scoreboard(text) FROM PUBLIC;

CREATE FUNCTION bixarena_create_game(scoreboard text, game_id text, name text DEFAULT NULL,
	score_order text DEFAULT 'desc', operator text DEFAULT 'best')
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	schema text;
	board integer;
	is_known boolean;
BEGIN
	IF game_id IS NULL OR octet_length(game_id) NOT BETWEEN 1 AND 255 OR game_id ~ '[[:cntrl:]]' THEN
		RAISE EXCEPTION 'game_id must be a text of 1 to 255 bytes without control characters'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF coalesce(score_order, '') NOT IN ('desc', 'asc') THEN
		RAISE EXCEPTION 'score_order must be desc or asc, not "%"', score_order
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF coalesce(operator, '') NOT IN ('best', 'latest', 'sum') THEN
		RAISE EXCEPTION 'operator must be best, latest or sum, not "%"', operator
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	schema := bixarena.scoreboard_open(scoreboard, true);
	EXECUTE format('SELECT EXISTS (SELECT FROM %1$s.game AS g WHERE g.game_id = $1 COLLATE "C")', schema)
	INTO is_known USING game_id;
	IF is_known THEN
		RAISE EXCEPTION 'game "%" exists already', game_id
			USING ERRCODE = 'duplicate_object';
	END IF;
	EXECUTE format('INSERT INTO %1$s.board (game_id) VALUES ($1) RETURNING board_no', schema)
	INTO STRICT board USING game_id;
	EXECUTE format('INSERT INTO %1$s.game (game_id, name, score_order, operator, board_no)
		VALUES ($1, $2, $3, $4, $5)', schema)
	USING game_id, coalesce(name, game_id), score_order, operator, board;
	PERFORM bixarena.rank_create(schema, board);
END
$$;
COMMENT ON FUNCTION bixarena_create_game(text, text, text, text, text) IS
	'make a game of a scoreboard: a leaderboard of scores';
-- it writes a game
REVOKE ALL ON FUNCTION bixarena_create_game(text, text, text, text, text) FROM PUBLIC;
