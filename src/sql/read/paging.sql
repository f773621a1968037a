
/*
 * Lists that are read page by page, and sorted as the reader likes.
 */

CREATE FUNCTION bixarena.list_offset(page_size bigint, page bigint)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF page IS NULL THEN
		RAISE EXCEPTION 'page must not be null'
			USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF page_size < 1 OR page < 1 THEN
		RAISE EXCEPTION 'page_size and page must be at least 1'
			USING ERRCODE = 'invalid_parameter_value';
	END IF;
	-- the first page without a size is all there is, the second one is empty
	RETURN least((page - 1)::numeric * coalesce(page_size, 9223372036854775807), 9223372036854775807);
END
$$;
COMMENT ON FUNCTION bixarena.list_offset(bigint, bigint) IS
	'rows before a page; pages count from 1';

CREATE FUNCTION bixarena.list_order(
	sort_by text,
	descending boolean,
	rising text[],
	falling text[])
RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF (sort_by = ANY (rising || falling)) IS NOT TRUE THEN
		RAISE EXCEPTION 'rows cannot be sorted by %', coalesce(quote_ident(sort_by), 'null')
			USING ERRCODE = CASE WHEN sort_by IS NULL
					THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
				HINT = format('sort_by is one of %s.',
					array_to_string(rising || falling, ', '));
	END IF;
	RETURN format('r.%I %s NULLS LAST', sort_by,
		CASE WHEN coalesce(descending, sort_by = ANY (falling)) THEN 'DESC' ELSE 'ASC' END);
END
$$;
COMMENT ON FUNCTION bixarena.list_order(text, boolean, text[], text[]) IS
	'how rows r are ordered by a column: as asked, or as is natural for it';
