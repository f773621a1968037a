# The official image of PostgreSQL with bixarena_rank installed:
#
#	docker build --tag bixarena_rank .
#	docker run --name votes --env POSTGRES_PASSWORD=… --publish 5432:5432 bixarena_rank
#	docker exec votes psql --username postgres --command 'CREATE EXTENSION bixarena_rank'
#
# It is built in one stage, in which there are a compiler and headers, and copied
# into another, which gets nothing but LAPACK besides.  The image's own entry
# point, volume and user stay as they are.

ARG PG_MAJOR=15

FROM postgres:${PG_MAJOR}-bookworm AS build
# PG_MAJOR is set in the image, too.  Its server is from apt.postgresql.org, and so
# must the headers be: the image has that source already.
RUN apt-get update \
	&& apt-get install --yes --no-install-recommends \
		gcc libc6-dev liblapack-dev make "postgresql-server-dev-$PG_MAJOR" \
	&& rm -rf /var/lib/apt/lists/*
COPY . /source
WORKDIR /source
# no bitcode for JIT: no function of ours would gain by it
RUN pg_config="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" \
	&& make PG_CONFIG="$pg_config" with_llvm=no \
	&& make PG_CONFIG="$pg_config" with_llvm=no install DESTDIR=/installed

FROM postgres:${PG_MAJOR}-bookworm
RUN apt-get update \
	&& apt-get install --yes --no-install-recommends liblapack3 \
	&& rm -rf /var/lib/apt/lists/*
# /usr/lib/postgresql/… and /usr/share/postgresql/…
COPY --from=build /installed /
# For bixarena_schedule() add postgresql-$PG_MAJOR-cron to the packages above, and
# start the server with: -c shared_preload_libraries=pg_cron
