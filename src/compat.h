/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  Every difference between the supported servers, in one place.
 *
 *-------------------------------------------------------------------------
 */
#ifndef BIXARENA_COMPAT_H
#define BIXARENA_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "bixarena_rank needs PostgreSQL 15 or newer"
#endif

#endif							/* BIXARENA_COMPAT_H */
