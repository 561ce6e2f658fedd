#!/usr/bin/env bash
# A PostgreSQL server for tests. Prints its URL when it answers, runs until standard input ends, which it does however the
# process that holds the other end of it dies, and leaves nothing behind. What initdb makes is kept in the cache folder.
# POSTGRES_OPTIONS are options of the server that win over those below: a benchmark wants durable commits.
set -euo pipefail

bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || bin=$(dirname "$(command -v initdb || { echo "Missing: postgresql (make setup installs it)" && exit 1; })")
version=$("$bin/postgres" --version | sed 's/^[^0-9]*\([0-9.]*\).*/\1/')
cache=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tureen}
mkdir -p "$cache"
template=$cache/postgres-$version.tar

# It refuses to run as root.
as=()
[ "$(id -u)" != 0 ] || as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
# As short as names of sockets must be.
folder=$(mktemp -d /tmp/tureen-pg.XXXXXX)
[ "$(id -u)" != 0 ] || chown postgres: "$folder"
cd "$folder"

server=
end() {
  [ -z "$server" ] || { kill -QUIT "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  rm -rf "$folder"
}
trap end EXIT
trap 'exit 1' INT TERM

exec 9>"$template.lock"
flock 9
if [ ! -e "$template" ]; then
  # Sorted by a language, unlike SQLite: where that matters the tables say so.
  "${as[@]}" "$bin/initdb" --pgdata="$folder/data" --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
    --locale-provider=icu --icu-locale=en --wal-segsize=1 --no-sync >"$folder/initdb.log" 2>&1 ||
    { echo "initdb failed: $(tail -1 "$folder/initdb.log")" && exit 1; }
  tar -cf "$template.new" data && mv "$template.new" "$template"
else
  "${as[@]}" tar -xf - <"$template"
fi
exec 9>&-

# A crash loses nothing that a test would miss.
"${as[@]}" "$bin/postgres" -D data -c listen_addresses= -c unix_socket_directories="$folder" -c fsync=off \
  -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=200 \
  ${POSTGRES_OPTIONS:-} \
  </dev/null >log 2>&1 &
server=$!
until "$bin/pg_isready" --quiet --host="$folder"; do
  kill -0 "$server" 2>/dev/null || { echo "it ended: $(tail -1 log)" && exit 1; }
  sleep 0.05
done
echo "postgres://postgres@/postgres?host=$folder"
cat >/dev/null
