
/*
 * Markup: text as SVG and XHTML want it.  The names of models are data, and may
 * hold anything.  Whatever is drawn with a character beyond ASCII is written as
 * a reference, so that this script and its output do not depend on an encoding.
 */

CREATE FUNCTION bixarena.text_escape(value text)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- XML has no way to write control characters, nor U+FFFE and U+FFFF; these
	-- become the mark for what cannot be shown
	SELECT regexp_replace(
		replace(replace(replace(replace(replace(value, '&', '&amp;'), '<', '&lt;'),
			'>', '&gt;'), '"', '&quot;'), '''', '&#39;'),
		E'[\\x01-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f\\ufffe\\uffff]', '&#65533;', 'g')
$$;
COMMENT ON FUNCTION bixarena.text_escape(text) IS
	'a text as it is written between tags or in an attribute';

CREATE FUNCTION bixarena.text_shorten(value text, most integer)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN length(value) <= most THEN value ELSE left(value, most - 3) || '...' END
$$;
COMMENT ON FUNCTION bixarena.text_shorten(text, integer) IS
	'a text of at most so many characters';

CREATE FUNCTION bixarena.text_running_width(value text)
RETURNS TABLE (characters bigint, width double precision)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- fonts differ; these widths are those of a wide one, or a little more
	SELECT u.position, sum(CASE
		WHEN c ~ '[ijlI.,:;''|!]' THEN 0.33
		WHEN c ~ E'[ frt()\\[\\]/-]' THEN 0.42
		WHEN c ~ '[mwMW@%]' THEN 1.0
		WHEN c ~ '[<>=+~^#&DGHNOQU]' THEN 0.84
		WHEN c ~ '[A-Z0-9]' THEN 0.7
		WHEN c = '' THEN 0
		WHEN octet_length(c) = 1 THEN 0.64
		WHEN octet_length(c) = 2 THEN 0.75
		ELSE 1.1 END) OVER (ORDER BY u.position)
	FROM regexp_split_to_table(value, '') WITH ORDINALITY AS u (c, position)
$$;
COMMENT ON FUNCTION bixarena.text_running_width(text) IS
	'about how wide the beginnings of a text are, in heights of its font';

CREATE FUNCTION bixarena.text_width(value text)
RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT coalesce(max(r.width), 0) FROM bixarena.text_running_width(left(value, 200)) AS r
$$;
COMMENT ON FUNCTION bixarena.text_width(text) IS
	'about how wide a text is, in heights of its font; what follows 200 characters is not measured';

CREATE FUNCTION bixarena.text_fit(value text, max_width double precision)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN max(r.width) <= max_width AND length(value) <= 200
		THEN bixarena.text_escape(value)
		ELSE bixarena.text_escape(rtrim(left(value,
				coalesce(max(r.characters) FILTER (WHERE r.width <= max_width - 1), 0)::integer)))
			|| '&#8230;' END
	FROM bixarena.text_running_width(left(value, 200)) AS r
$$;
COMMENT ON FUNCTION bixarena.text_fit(text, double precision) IS
	'markup of a text, cut where it is wider than so many heights of its font';

CREATE FUNCTION bixarena.text_utc(moment timestamptz)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC'
$$;
COMMENT ON FUNCTION bixarena.text_utc(timestamptz) IS 'a moment, for people';

CREATE FUNCTION bixarena.text_number(value numeric)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- of a round number nothing is lost
	SELECT CASE
		WHEN value = 0 THEN '0'
		WHEN abs(value) >= 1e9 OR abs(value) < 0.0001 THEN
			trim_scale(split_part(s.scientific, 'e', 1)::numeric) || 'e' || split_part(s.scientific, 'e', 2)::integer
		WHEN abs(value) >= 1e6 THEN trim_scale(value * 0.000001) || 'M'
		WHEN abs(value) >= 1e5 THEN trim_scale(value * 0.001) || 'k'
		ELSE trim_scale(value)::text END
	FROM to_char(value, '9.99999999999999EEEE') AS s (scientific)
$$;
COMMENT ON FUNCTION bixarena.text_number(numeric) IS 'a round number, as short as an axis needs it';

CREATE FUNCTION bixarena.text_score(score numeric)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE
		WHEN length(trim_scale(score)::text) <= 12 THEN trim_scale(score)::text
		WHEN abs(score) >= 1e12 OR abs(score) < 0.001 THEN bixarena.text_number(to_char(score, '9.9999EEEE')::numeric)
		ELSE trim_scale(round(score, 12 - length(trunc(abs(score))::text)))::text END
$$;
COMMENT ON FUNCTION bixarena.text_score(numeric) IS 'a score, rounded where it is longer than people read';
