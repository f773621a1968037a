/*
 * A tally as a value: what battles come to, for any query that can name two models and
 * an outcome.  It holds counts and reads no table, so everybody may use it.
 */

CREATE TYPE bixarena_tally;

CREATE FUNCTION bixarena.tally_in(cstring)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_in'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_in(cstring) IS
	'input of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_in(cstring) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_out(bixarena_tally)
RETURNS cstring
AS 'MODULE_PATHNAME', 'bixarena_tally_out'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_out(bixarena_tally) IS
	'output of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_out(bixarena_tally) FROM PUBLIC;

-- names come in the client's encoding
CREATE FUNCTION bixarena.tally_recv(internal)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_recv'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_recv(internal) IS
	'binary input of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_recv(internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_send(bixarena_tally)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_tally_send'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_send(bixarena_tally) IS
	'binary output of a tally';
REVOKE ALL ON FUNCTION bixarena.tally_send(bixarena_tally) FROM PUBLIC;

CREATE TYPE bixarena_tally (
	INPUT = bixarena.tally_in,
	OUTPUT = bixarena.tally_out,
	RECEIVE = bixarena.tally_recv,
	SEND = bixarena.tally_send,
	INTERNALLENGTH = VARIABLE,
	ALIGNMENT = int4,
	STORAGE = extended
);
COMMENT ON TYPE bixarena_tally IS
	'battles as counts of who beat whom, and who stood first';

--
-- What it can be asked
--

CREATE FUNCTION bixarena_num_battles(tally bixarena_tally)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_num_battles'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena_num_battles(bixarena_tally) IS
	'how many battles are in a tally';

CREATE FUNCTION bixarena_num_models(tally bixarena_tally)
RETURNS integer
AS 'MODULE_PATHNAME', 'bixarena_num_models'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena_num_models(bixarena_tally) IS
	'how many models have battles in a tally';

CREATE FUNCTION bixarena_pairs(tally bixarena_tally)
RETURNS TABLE (
	model1 text,
	model2 text,
	wins1 bigint,
	wins2 bigint,
	ties bigint)
AS 'MODULE_PATHNAME', 'bixarena_pairs'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1000 COST 1000;
COMMENT ON FUNCTION bixarena_pairs(bixarena_tally) IS
	'what is in a tally: each two models as they stood, and how they fared';

CREATE FUNCTION bixarena_rank_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS TABLE (
	model text,
	bt_score double precision,
	rank integer,
	bootstrap_q025 double precision,
	bootstrap_q975 double precision,
	vote_count bigint,
	status text)
AS 'MODULE_PATHNAME', 'bixarena_rank_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'Bradley-Terry ranking of the models in a tally';

CREATE FUNCTION bixarena_rank_ranges_tally(
	tally bixarena_tally,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS SETOF bixarena_rank_range
AS 'MODULE_PATHNAME', 'bixarena_rank_ranges_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100 COST 1000000;
COMMENT ON FUNCTION bixarena_rank_ranges_tally(bixarena_tally, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'the ranks that a tally allows each model';

CREATE FUNCTION bixarena_rank_difference_tally(
	tally bixarena_tally,
	a text,
	b text,
	num_bootstrap bigint DEFAULT 1000,
	min_evaluations bigint DEFAULT 0,
	rank_by_significance boolean DEFAULT false,
	prior_battles double precision DEFAULT 0,
	anchor_model text DEFAULT NULL,
	anchor_score double precision DEFAULT 1000,
	seed bigint DEFAULT 0,
	intervals text DEFAULT 'bootstrap',
	adjust_position boolean DEFAULT false,
	tie_model text DEFAULT 'half')
RETURNS bixarena_difference
AS 'MODULE_PATHNAME', 'bixarena_rank_difference_tally'
LANGUAGE C IMMUTABLE PARALLEL SAFE COST 1000000;
COMMENT ON FUNCTION bixarena_rank_difference_tally(bixarena_tally, text, text, bigint, bigint, boolean, double precision, text, double precision, bigint, text, boolean, text) IS
	'by how much a model of a tally is ahead of another, with the interval of the difference';

CREATE FUNCTION bixarena.tally_to_jsonb(bixarena_tally)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'bixarena_tally_to_jsonb'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_to_jsonb(bixarena_tally) IS
	'a tally as jsonb';
CREATE CAST (bixarena_tally AS jsonb) WITH FUNCTION bixarena.tally_to_jsonb(bixarena_tally);

--
-- Operators
--

CREATE FUNCTION bixarena.tally_equal(bixarena_tally, bixarena_tally)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_tally_equal'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_equal(bixarena_tally, bixarena_tally) IS
	'are the battles of two tallies the same?';

CREATE FUNCTION bixarena.tally_different(bixarena_tally, bixarena_tally)
RETURNS boolean
AS 'MODULE_PATHNAME', 'bixarena_tally_different'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_different(bixarena_tally, bixarena_tally) IS
	'do the battles of two tallies differ?';

CREATE FUNCTION bixarena.tally_hash(bixarena_tally)
RETURNS integer
AS 'MODULE_PATHNAME', 'bixarena_tally_hash'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_hash(bixarena_tally) IS
	'hash of a tally';

CREATE FUNCTION bixarena.tally_hash_extended(bixarena_tally, bigint)
RETURNS bigint
AS 'MODULE_PATHNAME', 'bixarena_tally_hash_extended'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION bixarena.tally_hash_extended(bixarena_tally, bigint) IS
	'hash of a tally, with a seed';

CREATE FUNCTION bixarena.tally_plus(bixarena_tally, bixarena_tally)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_plus'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_plus(bixarena_tally, bixarena_tally) IS
	'the battles of two tallies together';

CREATE FUNCTION bixarena.tally_minus(bixarena_tally, bixarena_tally)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_minus'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_minus(bixarena_tally, bixarena_tally) IS
	'the battles of a tally without those of another';

CREATE OPERATOR = (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_equal,
	COMMUTATOR = =,
	NEGATOR = <>,
	RESTRICT = eqsel,
	JOIN = eqjoinsel,
	HASHES
);

CREATE OPERATOR <> (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_different,
	COMMUTATOR = <>,
	NEGATOR = =,
	RESTRICT = neqsel,
	JOIN = neqjoinsel
);

CREATE OPERATOR + (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_plus,
	COMMUTATOR = +
);

CREATE OPERATOR - (
	LEFTARG = bixarena_tally,
	RIGHTARG = bixarena_tally,
	FUNCTION = bixarena.tally_minus
);

-- for DISTINCT, GROUP BY and EXCEPT
CREATE OPERATOR CLASS bixarena_tally_ops DEFAULT FOR TYPE bixarena_tally USING hash AS
	OPERATOR 1 =,
	FUNCTION 1 bixarena.tally_hash(bixarena_tally),
	FUNCTION 2 bixarena.tally_hash_extended(bixarena_tally, bigint);

--
-- Aggregates
--

-- the text of a value may depend on settings
CREATE FUNCTION bixarena.tally_transition(internal, model1 "any", model2 "any", outcome "any")
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_transition'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any") IS
	'a battle for a tally';
REVOKE ALL ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any") FROM PUBLIC;

CREATE FUNCTION bixarena.tally_transition(internal, model1 "any", model2 "any", outcome "any", battles bigint)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_transition'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any", bigint) IS
	'battles for a tally';
REVOKE ALL ON FUNCTION bixarena.tally_transition(internal, "any", "any", "any", bigint) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_merge(internal, bixarena_tally)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_merge'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_merge(internal, bixarena_tally) IS
	'a tally for a tally';
REVOKE ALL ON FUNCTION bixarena.tally_merge(internal, bixarena_tally) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_combine(internal, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_combine'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_combine(internal, internal) IS
	'what two workers have gathered';
REVOKE ALL ON FUNCTION bixarena.tally_combine(internal, internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_serialize(internal)
RETURNS bytea
AS 'MODULE_PATHNAME', 'bixarena_tally_serialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_serialize(internal) IS
	'what a worker has gathered, as bytes';
REVOKE ALL ON FUNCTION bixarena.tally_serialize(internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_deserialize(bytea, internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'bixarena_tally_deserialize'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_deserialize(bytea, internal) IS
	'what a worker has gathered, from bytes';
REVOKE ALL ON FUNCTION bixarena.tally_deserialize(bytea, internal) FROM PUBLIC;

CREATE FUNCTION bixarena.tally_final(internal)
RETURNS bixarena_tally
AS 'MODULE_PATHNAME', 'bixarena_tally_final'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bixarena.tally_final(internal) IS
	'the tally of all battles';
REVOKE ALL ON FUNCTION bixarena.tally_final(internal) FROM PUBLIC;

CREATE AGGREGATE bixarena_tally(model1 "any", model2 "any", outcome "any") (
	SFUNC = bixarena.tally_transition,
	STYPE = internal,
	FINALFUNC = bixarena.tally_final,
	COMBINEFUNC = bixarena.tally_combine,
	SERIALFUNC = bixarena.tally_serialize,
	DESERIALFUNC = bixarena.tally_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE bixarena_tally("any", "any", "any") IS
	'the tally of battles, a row each';

CREATE AGGREGATE bixarena_tally(model1 "any", model2 "any", outcome "any", battles bigint) (
	SFUNC = bixarena.tally_transition,
	STYPE = internal,
	FINALFUNC = bixarena.tally_final,
	COMBINEFUNC = bixarena.tally_combine,
	SERIALFUNC = bixarena.tally_serialize,
	DESERIALFUNC = bixarena.tally_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE bixarena_tally("any", "any", "any", bigint) IS
	'the tally of battles, several a row';

CREATE AGGREGATE bixarena_tally(tally bixarena_tally) (
	SFUNC = bixarena.tally_merge,
	STYPE = internal,
	FINALFUNC = bixarena.tally_final,
	COMBINEFUNC = bixarena.tally_combine,
	SERIALFUNC = bixarena.tally_serialize,
	DESERIALFUNC = bixarena.tally_deserialize,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE bixarena_tally(bixarena_tally) IS
	'the battles of all tallies together';
