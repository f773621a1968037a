
/*
 * Pages: one self-contained file of XHTML each, which a browser takes for HTML.
 */

CREATE FUNCTION bixarena.page_style()
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- charts come twice, laid out for a wide page and for one so narrow that it
	-- would make their letters too small
	SELECT ':root{color-scheme:light dark}'
		'*{box-sizing:border-box}'
		'body{margin:0;background:#ffffff;color:#1b1e23;font:16px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}'
		'header,main,footer{max-width:992px;margin:0 auto;padding:0 16px}'
		'h1{font-size:1.8rem;line-height:1.2;margin:1.5rem 0 .5rem}'
		'h2{font-size:1.25rem;margin:2.5rem 0 .5rem}'
		'p,ul,dl{max-width:72ch;overflow-wrap:anywhere}'
		'.muted,caption,dt{color:#565b63}'
		'table{border-collapse:collapse;width:100%;font-size:.9375rem;font-variant-numeric:tabular-nums}'
		'caption{text-align:left;padding-bottom:6px}'
		'th,td{text-align:left;vertical-align:top;padding:5px 12px 5px 0;border-bottom:1px solid #d8dbe0;overflow-wrap:break-word}'
		'thead th{border-bottom:2px solid #8a9099}'
		'tbody th{font-weight:600;min-width:6.5em;overflow-wrap:anywhere}td.text{overflow-wrap:anywhere;min-width:7em}'
		'.number{text-align:right}td.number{white-space:nowrap}'
		'th:last-child,td:last-child{padding-right:0}'
		'dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px}dd{margin:0;overflow-wrap:anywhere}'
		'th.board{width:24%}td.models{width:26%}.models div{padding-left:1.1em;text-indent:-1.1em}'
		'a{color:#0b5cad}'
		'.skip{position:absolute;left:-999px}.skip:focus{position:static}'
		'.state{font-weight:600;white-space:nowrap}.state.bad{color:#b3261e}.state.fair{color:#8a4b00}.state.good{color:#1b6e3c}'
		'svg{display:block;max-width:100%;height:auto}.narrow{display:none}'
		'table+.wide,.narrow+.wide,.narrow+table,table+table,.wide+.narrow{margin-top:1.5rem}'
		'footer{padding-top:1rem;padding-bottom:2rem;margin-top:3rem;border-top:1px solid #d8dbe0;font-size:.875rem}'
		'@media (max-width:920px){.wide{display:none}.narrow{display:block}}'
		'@media (max-width:700px){th.board{width:30%}td.models{width:35%}body{font-size:15px}table{font-size:.875rem}th,td{padding-right:8px}td.text{min-width:5em}.aside{display:none}'
			'dl{grid-template-columns:1fr}dd{margin-bottom:8px}}'
		'@media screen and (prefers-color-scheme:dark){body{background:#14171c;color:#e8eaed}'
			'.muted,caption,dt{color:#a8aeb8}th,td,footer{border-color:#343a43}thead th{border-color:#7c838d}a{color:#5cb3ff}'
			'.state.bad{color:#ff8a80}.state.fair{color:#f5a742}.state.good{color:#7fd8a0}}'
		'@media print{body{font-size:10pt}h2{break-after:avoid}tr,svg{break-inside:avoid}'
			'.wide{display:block}.narrow{display:none}.aside{display:table-cell}.skip{display:none}}'
$$;
COMMENT ON FUNCTION bixarena.page_style() IS 'the style sheet of a page';

CREATE FUNCTION bixarena.page_html(title text, header text, body text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format(E'<!DOCTYPE html>'
		'\n<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8"/>'
		'<meta name="viewport" content="width=device-width, initial-scale=1"/>'
		'<title>%s</title><style>%s</style></head>'
		'\n<body><a class="skip" href="#main">To the content</a>'
		'\n<header><h1>%1$s</h1>%3$s</header>\n<main id="main">%4$s</main>'
		'\n<footer><p class="muted">Made at %5$s by bixarena_rank %6$s.</p></footer></body></html>\n',
		bixarena.text_escape(title), bixarena.page_style(), header, body,
		bixarena.text_utc(now()),
		(SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'bixarena_rank'))
$$;
COMMENT ON FUNCTION bixarena.page_html(text, text, text) IS 'a page of HTML';

CREATE FUNCTION bixarena.page_section(title text, body text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format(E'\n<section aria-label="%1$s"><h2>%1$s</h2>%2$s</section>',
		bixarena.text_escape(title), body)
$$;
COMMENT ON FUNCTION bixarena.page_section(text, text) IS 'a part of a page';

CREATE FUNCTION bixarena.page_charts(wide text, narrow text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<div class="wide">%s</div><div class="narrow">%s</div>', wide, narrow)
$$;
COMMENT ON FUNCTION bixarena.page_charts(text, text) IS
	'a chart for wide pages and for narrow ones';

CREATE FUNCTION bixarena.page_widths(OUT wide integer, OUT narrow integer)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 960, 358
$$;
COMMENT ON FUNCTION bixarena.page_widths() IS 'widths of the charts in a page';

CREATE FUNCTION bixarena.page_table(caption text, head text, rows text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format(E'<table><caption>%s</caption><thead><tr>%s</tr></thead>\n<tbody>%s</tbody></table>',
		bixarena.text_escape(caption), head, rows)
$$;
COMMENT ON FUNCTION bixarena.page_table(text, text, text) IS
	'a table of a page; null: it has no rows';

CREATE FUNCTION bixarena.page_heads(VARIADIC columns text[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- "#" before a name: a column of numbers; "?": one that narrow pages leave out
	SELECT string_agg(format('<th scope="col"%s>%s</th>',
		' class="' || nullif(concat_ws(' ', CASE WHEN c ~ '^[?]?#' THEN 'number' END,
			CASE WHEN c ~ '^#?[?]' THEN 'aside' END), '') || '"',
		bixarena.text_escape(ltrim(c, '#?'))), '' ORDER BY n)
	FROM unnest(columns) WITH ORDINALITY AS u (c, n)
$$;
COMMENT ON FUNCTION bixarena.page_heads(text[]) IS 'the heads of a table''s columns';

CREATE FUNCTION bixarena.page_cell(value text, class text DEFAULT NULL)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<td%s>%s</td>', ' class="' || class || '"',
		coalesce(bixarena.text_escape(value), ''))
$$;
COMMENT ON FUNCTION bixarena.page_cell(text, text) IS 'a cell of a table';

CREATE FUNCTION bixarena.page_facts(VARIADIC pairs text[])
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a term, what is to be said of it, the next term; nulls are left out
	SELECT format('<dl>%s</dl>', string_agg(format('<dt>%s</dt><dd>%s</dd>',
		bixarena.text_escape(pairs[n]), bixarena.text_escape(pairs[n + 1])), '' ORDER BY n))
	FROM generate_series(1, cardinality(pairs), 2) AS n
	WHERE pairs[n + 1] IS NOT NULL
$$;
COMMENT ON FUNCTION bixarena.page_facts(text[]) IS 'a list of terms and what is to be said of them';

CREATE FUNCTION bixarena.page_paragraph(value text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<p>%s</p>', bixarena.text_escape(value))
$$;
COMMENT ON FUNCTION bixarena.page_paragraph(text) IS 'a paragraph of a page';

CREATE FUNCTION bixarena.page_rank_change(change integer)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- said in a word, too, for those who do not see the sign
	SELECT CASE
		WHEN change IS NULL THEN '<span class="muted">new</span>'
		WHEN change = 0 THEN '<span class="muted">=</span>'
		WHEN change > 0 THEN format('<span class="state good" title="up">&#9650; %s</span>', change)
		ELSE format('<span class="state bad" title="down">&#9660; %s</span>', -change) END
$$;
COMMENT ON FUNCTION bixarena.page_rank_change(integer) IS
	'markup of ranks gained or lost';

CREATE FUNCTION bixarena.page_board_name(name text, slug text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- a heading and a link need something to be seen
	SELECT coalesce(nullif(btrim(name), ''), nullif(btrim(slug), ''), 'Leaderboard')
$$;
COMMENT ON FUNCTION bixarena.page_board_name(text, text) IS 'what a leaderboard is called in a page';

CREATE FUNCTION bixarena.page_state(status text)
RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT format('<span class="state %s">%s</span>', CASE
		WHEN status IN ('failed', 'critical', 'refused') THEN 'bad'
		WHEN status IN ('skipped', 'warning') THEN 'fair'
		WHEN status IN ('succeeded', 'ok', 'accepted') THEN 'good' ELSE 'open' END, status)
$$;
COMMENT ON FUNCTION bixarena.page_state(text) IS 'markup of the status of a run or a check';
