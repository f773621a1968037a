-- How often one chocolate pudding was liked better than another, or less, or neither
-- (Davidson 1970)
CREATE TEMP VIEW puddings AS
SELECT * FROM (VALUES (1, 1, 2, 19, 22, 16), (2, 1, 3, 16, 19, 12), (3, 2, 3, 19, 19, 10), (4, 1, 4, 18, 23, 13),
		(5, 2, 4, 23, 19, 9), (6, 3, 4, 19, 20, 15), (7, 1, 5, 13, 19, 18), (8, 2, 5, 16, 20, 12),
		(9, 3, 5, 16, 15, 17), (10, 4, 5, 17, 14, 16), (11, 1, 6, 18, 21, 12), (12, 2, 6, 22, 20, 12),
		(13, 3, 6, 13, 18, 10), (14, 4, 6, 14, 19, 18), (15, 5, 6, 11, 21, 12))
	AS p (number, model1, model2, wins, losses, ties);
