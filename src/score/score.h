/*-------------------------------------------------------------------------
 *
 * score.h
 *	  Scoreboards: messages, scores, and ranks.
 *
 * Copyright (c) 2026, the bixarena_rank authors
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_SCORE_H
#define BIXARENA_SCORE_H

#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/relcache.h"
#include "utils/timestamp.h"

#include "server/server.h"

/* Tables of a scoreboard, in the order of scoreboard_tables */
typedef enum ScoreTable
{
	TABLE_SCOREBOARD,
	TABLE_GAME,
	TABLE_BOARD,
	TABLE_PLAYER,
	TABLE_SCORE,
	TABLE_SCORE_EVENT,
	TABLE_RANK_NODE,
	TABLE_RANK_COUNT,
	TABLE_RANK_FOLD,
	TABLE_MESSAGE,
	TABLE_QUEUE_LANE,
	TABLE_QUEUE,
	TABLE_DEAD_LETTER,
	TABLE_UPLOAD,
	TABLE_UPLOAD_CONTENT,
	TABLE_UPLOAD_FILE,
	TABLE_UPLOAD_COLUMN,
	TABLE_STANDING,
	TABLE_STANDING_ORDER,
	NUM_SCORE_TABLES
} ScoreTable;

/* A scoreboard that this session has worked in */
typedef struct Scoreboard
{
	char		name[NAMEDATALEN];	/* the key */
	Oid			schema;
	Oid			owner;
	Oid			tables[NUM_SCORE_TABLES];
	bool		can_be_read;	/* looked at by others, and not changed since */
	bool		can_be_written; /* likewise */
	bool		is_ours;		/* its counts are of this server */
} Scoreboard;

/* What a query sees: what is committed now, or what the query that called us sees */
typedef enum Sight
{
	SEES_LATEST,
	SEES_SNAPSHOT
} Sight;

/* A query of ours, in which @ stands for the scoreboard's schema */
typedef struct Statement
{
	const char *sql;
	int			result;			/* SPI_OK_... */
	Sight		sight;
} Statement;

/* A column of rows that go to a query as arrays */
typedef struct Column
{
	Oid			type;
	int			count;
	Datum	   *values;
	bool	   *nulls;
} Column;

typedef enum ScoreOperator
{
	OPERATOR_BEST,
	OPERATOR_LATEST,
	OPERATOR_SUM
} ScoreOperator;

/* A game, in the period that runs */
typedef struct Game
{
	text	   *game_id;
	int32		board_no;
	int32		generation;
	ScoreOperator operator;
	bool		highest_first;
} Game;

typedef enum MessageState
{
	MESSAGE_VALID,
	MESSAGE_INVALID,
	MESSAGE_DUPLICATE,
	MESSAGE_TAKEN,				/* has not come before */
	MESSAGE_APPLIED,
	MESSAGE_FAILED
} MessageState;

/* A message of a call */
typedef struct Message
{
	int			n;
	MessageState state;
	char	   *flaw;			/* why it is invalid or has failed, else NULL */
	int			sqlstate;
	text	   *message_id;
	bool		by_content;		/* message_id is the hash of the content */
	text	   *player_id;
	text	   *game_id;
	Game	   *game;
	Numeric		score;
	text	   *update_type;
	Jsonb	   *metadata;		/* NULL: none */
	bool		has_sent_at;
	TimestampTz sent_at;
	Jsonb	   *content;
	int			attempts;
	int64		number;			/* in the queue or among dead letters */
} Message;

/* The messages that a call works at */
typedef struct Batch
{
	Scoreboard *scoreboard;
	int			count;
	Message    *messages;
	List	   *games;

	/* settings of the scoreboard */
	double		max_future_seconds;
	int			max_attempts;
	double		retry_seconds;
	char	   *notify_channel; /* NULL: none */
	int			workers;
} Batch;

/*
 * Players are counted by ranges of places.  A node of level 1 has ranges of players, one
 * of level 2 nodes of level 1; the only one of level 3 has those of level 2.
 */
#define LOWEST_LEVEL 1
#define ROOT_LEVEL 3

typedef struct RankNode
{
	int			level;
	int32		node_no;
	int			length;
	Datum	   *bounds;			/* where each range begins */
	int32	   *children;		/* numbers of nodes; NULL at the lowest level */
	int32	   *counts;
} RankNode;

/* Which events the counts of a board do not have */
typedef struct FoldState
{
	int32		generation;
	Datum		next_xid;
	Datum		open_xids;
	int32		next_node_no;
} FoldState;

/* Players of a board before a place, and all */
typedef struct RankResult
{
	int64		before;
	int64		total;
} RankResult;

/* Players of a range, at most */
#define MAX_RANGE 32

/* A player came to a place (1) or left it (-1) */
typedef struct Move
{
	Datum		place;
	int			sign;
} Move;

/* Events of a board that are folded into its counts */
typedef struct Fold
{
	const Scoreboard *scoreboard;
	int32		board;
	int64		last_event_id;	/* at least so many have happened */
	FoldState	state;

	/* changes to counts, a row each */
	Column	   *levels;
	Column	   *nodes;
	Column	   *ranges;
	Column	   *signs;
} Fold;

/* What is wrong with a file, in one place; of many, so many are told */
#define MAX_FLAWS 20

typedef struct Flaw
{
	int64		line;
	const char *column;			/* NULL: none in particular */
	char	   *value;			/* NULL: none */
	char	   *message;
} Flaw;

/* A file as rows and columns of texts */
#define MAX_COLUMNS 256
#define MAX_FILE_ROWS 5000000
#define MAX_CELLS 50000000

typedef struct Sheet
{
	int			num_columns;
	char	   *columns[MAX_COLUMNS];	/* names as they are normalized */
	int			num_rows;
	int			max_rows;
	int32	   *lines;			/* of each row */
	char	  **cells;			/* row after row; NULL: empty */
	int64		num_flaws;
	Flaw		flaws[MAX_FLAWS];
} Sheet;

/* What a column holds */
typedef enum ColumnKind
{
	COLUMN_ID,
	COLUMN_NAME,
	COLUMN_NUMBER,
	COLUMN_WORD
} ColumnKind;

/* A file that is uploaded */
typedef struct Upload
{
	Scoreboard *scoreboard;
	Sheet	   *sheet;

	/* of all rows */
	Datum		run_no;
	Datum		run_id;
	Datum		snapshot_date;
	Datum		ingested_at;

	/* columns of the sheet */
	ColumnKind	kinds[MAX_COLUMNS];
	int			by_name[MAX_COLUMNS];	/* in the order of names */
	int			id;				/* -1: none */
	int			num_metrics;
	int			metrics[MAX_COLUMNS];

	/* metric after metric, a number for each row */
	double	   *numbers;
	int32	   *ranks;			/* 0: the row has no number */
} Upload;

/* guard.c */
extern char *code_of_relation(Relation relation, int events);

/* scoreboard.c */
extern Scoreboard *open_scoreboard(const char *name, bool writes);

/* statement.c */
extern void connect_spi(void);
extern void run_statement(const Scoreboard *scoreboard, const Statement *statement,
						  Parameters *parameters);
extern void add_board(Parameters *parameters, int32 board);
extern Datum result_value(int row, int column, Oid type);
extern Datum result_or_null(int row, int column, Oid type, bool *isnull);
extern int32 result_int(int row, int column);
extern char *result_word(int row, int column);
extern Column *new_column(Oid type, int max_count);
extern void add_value(Column *column, Datum value);
extern void add_null(Column *column);
extern void add_column(Parameters *parameters, const Column *column);
extern int	compare_bytes(const void *left, const void *right);
extern int	compare_datums(const void *left, const void *right);

/* message.c */
extern int	read_messages(Jsonb *messages, TimestampTz latest, Message **result);
extern void read_message(Message *message, JsonbValue *element, TimestampTz latest);
extern bool is_small_number(Numeric number);

/* place.c */
extern bytea *make_place(Numeric score, bool highest_first, TimestampTz reached_at,
						 const text *player_id);

/* batch.c */
extern Batch *new_batch(Scoreboard *scoreboard);
extern Column *boards_of(const Batch *batch);
extern TimestampTz latest_moment(const Batch *batch);
extern void begin_scores(Scoreboard *scoreboard);
extern void find_games(Batch *batch);
extern void take_messages(Batch *batch);
extern bool may_pass(int sqlstate);
extern bool waits(const Batch *batch, const Message *message);
extern void bury_messages(Batch *batch);
extern void queue_messages(Batch *batch);
extern void notify_of_scores(Batch *batch);

/* apply.c */
extern void apply_messages(Batch *batch);

/* rank.c */
extern void read_fold_state(const Scoreboard *scoreboard, int32 board, FoldState *state);
extern void check_node(const Scoreboard *scoreboard, int32 board, bool is_sound);
extern RankNode *read_node(const Scoreboard *scoreboard, int32 board, int level,
						   Datum place);
extern int64 sum_of_counts(const int32 *counts, int length);
extern int	bucket_of(const RankNode *node, Datum place);
extern RankResult rank_of_place(const Scoreboard *scoreboard, int32 board, Datum place);
extern int64 rank_total(const Scoreboard *scoreboard, int32 board);

/* fold_moves.c */
extern void look_now(void);
extern void look_away(void);
extern Move *read_moves(const Fold *fold, bool own, int *count);

/* fold_split.c */
extern void mend_nodes(Fold *fold);

/* fold.c */
extern void fold_now_and_then(Batch *batch);

/* flaw.c */
extern void add_flaw(Sheet *sheet, int64 line, const char *column, const char *value,
					 const char *format,...) pg_attribute_printf(5, 6);
extern bool is_of_file(const ErrorData *error);

/* flaw_report.c */
extern void push_text(JsonbParseState **state, JsonbIteratorToken token, char *string);
extern Datum report_flaws(Sheet *sheet);

/* sheet.c */
extern int	add_sheet_column(Sheet *sheet, int64 line, const char *name);
extern char **add_sheet_row(Sheet *sheet, int64 line);
extern char *cell_of(const Sheet *sheet, int row, int column);
extern char *trimmed(char *cell);

/* sheet_file.c */
extern void read_sheet(Sheet *sheet, const char *format, const bytea *content);

/* upload_check.c */
extern Datum numeric_of(const char *cell);
extern void find_kinds(Upload *upload, Datum numbers, Datum words);
extern void check_upload(Upload *upload, Datum required);

/* upload_rank.c */
extern void rank_rows(Upload *upload);

/* upload_rows.c */
extern void write_rows(const Upload *upload);

/* csv.c */
extern void read_csv(Sheet *sheet, char *data, size_t length);

/* json_sheet.c */
extern void read_json(Sheet *sheet, char *data, size_t length);
extern void read_json_lines(Sheet *sheet, char *data, size_t length);

/* score_worker.c */
extern void wake_score_workers(const char *scoreboard, int workers);

#endif							/* BIXARENA_SCORE_H */
