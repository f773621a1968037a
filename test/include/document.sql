-- What is in a chart or page: how many elements, and their texts
CREATE FUNCTION elements(document text, path text) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM unnest(xpath(path, xmlparse(DOCUMENT document),
		'{{s,http://www.w3.org/2000/svg},{h,http://www.w3.org/1999/xhtml}}')) AS u
$$;
CREATE FUNCTION texts(document text, path text) RETURNS SETOF text LANGUAGE sql AS $$
	-- without what keeps the direction of writing of a name to itself: not all
	-- versions of psql know how wide these characters are
	SELECT translate(u::text, chr(8296) || chr(8297), '') FROM unnest(xpath(path, xmlparse(DOCUMENT document),
		'{{s,http://www.w3.org/2000/svg},{h,http://www.w3.org/1999/xhtml}}')) AS u
$$;
