/* bixarena_rank 1.0: installed by CREATE EXTENSION bixarena_rank */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION bixarena_rank" to load this file. \quit

