# PostgreSQL with bixarena_rank and pg_cron, all of it Debian's:
#
#	docker build --tag bixarena_rank .
#	docker run --detach --name votes --publish 5432:5432 --volume votes:/var/lib/postgresql \
#		--env POSTGRES_PASSWORD=… bixarena_rank
#	psql --host localhost --username postgres --command "SELECT bixarena_create_arena('arena')"
#
# contrib/container/README.md says what can be set.  It is built in one stage, in
# which there are a compiler and headers, and copied into another, which has the
# server and LAPACK besides.  BASE is any Debian 12.

ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS build
ARG PG_MAJOR=15
RUN apt-get update \
	&& apt-get install --yes --no-install-recommends \
		gcc libc6-dev liblapack-dev make "postgresql-server-dev-$PG_MAJOR"
COPY . /source
WORKDIR /source
# no bitcode for JIT: no function of ours would gain by it
RUN pg_config="/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" \
	&& make PG_CONFIG="$pg_config" with_llvm=no \
	&& make PG_CONFIG="$pg_config" with_llvm=no install DESTDIR=/installed

FROM ${BASE}
ARG PG_MAJOR=15
# the user first, so that it has the same number in every image
RUN groupadd --system --gid 999 postgres \
	&& useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql postgres \
	&& mkdir -p /etc/postgresql-common/createcluster.d \
	&& printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.d/none.conf \
	&& apt-get update \
	&& apt-get install --yes --no-install-recommends \
		liblapack3 "postgresql-$PG_MAJOR" "postgresql-$PG_MAJOR-cron" \
	&& rm -rf /var/lib/apt/lists/* \
	&& install -d -o postgres -g postgres /var/lib/postgresql /var/run/postgresql \
		/etc/bixarena_rank/conf.d /etc/bixarena_rank/first-start.d
# /usr/lib/postgresql/… and /usr/share/postgresql/…
COPY --from=build /installed /
COPY contrib/container/start contrib/container/health /usr/local/bin/
ENV PG_MAJOR=${PG_MAJOR} PGDATA=/var/lib/postgresql/data LANG=C.UTF-8 \
	PATH=/usr/lib/postgresql/${PG_MAJOR}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER postgres
VOLUME /var/lib/postgresql
EXPOSE 5432
# a smart shutdown would wait for every client
STOPSIGNAL SIGINT
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["health"]
ENTRYPOINT ["start"]
