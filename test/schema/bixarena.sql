-- The schema of the application as its own migrations make it, under the name
-- in the variable "arena".  Everything that matters to an arena is here: all
-- tables, constraints and indexes.

CREATE SCHEMA :"arena";
SET search_path = :"arena", public;

CREATE TABLE leaderboard (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	slug varchar(100) UNIQUE NOT NULL,
	name varchar(200) NOT NULL,
	description text,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE model (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	slug varchar(200) UNIQUE NOT NULL,
	name varchar(300) NOT NULL,
	license varchar(20) NOT NULL CHECK (license IN ('open-source', 'proprietary')),
	active boolean NOT NULL DEFAULT false,
	alias varchar(200),
	external_link varchar(300) NOT NULL,
	organization varchar(200),
	description varchar(300),
	api_model_name varchar(300) NOT NULL,
	api_base varchar(300) NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE battle (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	title varchar(255),
	user_id uuid NOT NULL,
	model1_id uuid NOT NULL REFERENCES model ON DELETE CASCADE,
	model2_id uuid NOT NULL REFERENCES model ON DELETE CASCADE,
	created_at timestamptz NOT NULL DEFAULT now(),
	ended_at timestamptz
);
CREATE INDEX idx_battle_user_id ON battle (user_id);
CREATE INDEX idx_battle_created_at ON battle (created_at DESC);

CREATE TABLE battle_evaluation (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	battle_id uuid NOT NULL UNIQUE REFERENCES battle ON DELETE CASCADE,
	outcome varchar(20) NOT NULL CHECK (outcome IN ('model1', 'model2', 'tie')),
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_battle_evaluation_outcome ON battle_evaluation (outcome);
CREATE INDEX idx_battle_evaluation_created_at ON battle_evaluation (created_at DESC);

CREATE TABLE battle_validation (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	battle_id uuid NOT NULL REFERENCES battle ON DELETE CASCADE,
	method varchar(100) NOT NULL,
	confidence decimal(4,3) NOT NULL CHECK (confidence BETWEEN 0 AND 1),
	is_biomedical boolean NOT NULL,
	validated_by uuid,
	reason text,
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_battle_validation_battle_id ON battle_validation (battle_id);
ALTER TABLE battle ADD effective_validation_id uuid
	REFERENCES battle_validation ON DELETE SET NULL;
CREATE INDEX idx_battle_effective_validation_id ON battle (effective_validation_id);

CREATE TABLE battle_categorization (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	battle_id uuid NOT NULL REFERENCES battle ON DELETE CASCADE,
	method varchar(100) NOT NULL,
	categorized_by uuid,
	reason text,
	status varchar(20) NOT NULL CHECK (status IN ('matched', 'abstained', 'failed')),
	created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idx_battle_categorization_battle_id ON battle_categorization (battle_id);
ALTER TABLE battle ADD effective_categorization_id uuid
	REFERENCES battle_categorization ON DELETE SET NULL;
CREATE INDEX idx_battle_effective_categorization_id ON battle (effective_categorization_id);

CREATE TABLE battle_categorization_category (
	categorization_id uuid REFERENCES battle_categorization ON DELETE CASCADE,
	category varchar(100),
	PRIMARY KEY (categorization_id, category)
);

CREATE TABLE leaderboard_snapshot (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	leaderboard_id uuid NOT NULL REFERENCES leaderboard ON DELETE CASCADE,
	snapshot_identifier varchar(200) NOT NULL,
	description text,
	visibility varchar(20) NOT NULL DEFAULT 'private'
		CHECK (visibility IN ('public', 'private')),
	created_at timestamptz NOT NULL DEFAULT now(),
	updated_at timestamptz NOT NULL DEFAULT now(),
	UNIQUE (leaderboard_id, snapshot_identifier)
);
CREATE INDEX idx_leaderboard_snapshot_leaderboard_id ON leaderboard_snapshot (leaderboard_id);
CREATE INDEX idx_leaderboard_snapshot_created_at ON leaderboard_snapshot (created_at DESC);
CREATE INDEX idx_leaderboard_snapshot_visibility ON leaderboard_snapshot (visibility);

CREATE TABLE leaderboard_entry (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	leaderboard_id uuid NOT NULL REFERENCES leaderboard ON DELETE CASCADE,
	model_id uuid NOT NULL REFERENCES model ON DELETE CASCADE,
	snapshot_id uuid NOT NULL REFERENCES leaderboard_snapshot ON DELETE CASCADE,
	bt_score decimal(10,6) NOT NULL,
	vote_count integer NOT NULL DEFAULT 0,
	rank integer NOT NULL,
	bootstrap_q025 decimal(10,6) NOT NULL,
	bootstrap_q975 decimal(10,6) NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	UNIQUE (leaderboard_id, model_id, snapshot_id)
);
CREATE INDEX idx_leaderboard_entry_leaderboard_id ON leaderboard_entry (leaderboard_id);
CREATE INDEX idx_leaderboard_entry_model_id ON leaderboard_entry (model_id);
CREATE INDEX idx_leaderboard_entry_snapshot_id ON leaderboard_entry (snapshot_id);
CREATE INDEX idx_leaderboard_entry_rank ON leaderboard_entry (rank);
CREATE INDEX idx_leaderboard_entry_bt_score ON leaderboard_entry (bt_score DESC);

RESET search_path;
