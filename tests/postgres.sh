#!/usr/bin/env bash
# A PostgreSQL server for tests. Prints its URL when it answers, runs until standard input ends, which it does however the
# process that holds the other end of it dies, and leaves nothing behind. What initdb makes is kept in the cache folder.
#   tests/postgres.sh          on a socket, for whoever comes
#   tests/postgres.sh PORT     also on this port of localhost: with TLS (certificate in ca.pem beside the socket) and a password
# POSTGRES_DATA is a folder in which its data stays and is found again.
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
# Nothing is to be kept, unless it is said.
signal=QUIT
end() {
  [ -z "$server" ] || { kill -"$signal" "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
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

data=$folder/data
if [ -n "${POSTGRES_DATA:-}" ]; then
  if [ -e "$POSTGRES_DATA/PG_VERSION" ]; then rm -rf "$data"; else rm -rf "$POSTGRES_DATA" && mv "$data" "$POSTGRES_DATA"; fi
  data=$POSTGRES_DATA signal=INT
fi

network=(-c listen_addresses=)
if [ $# -gt 0 ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout key.pem -out ca.pem \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE 2>/dev/null
  [ "$(id -u)" != 0 ] || chown postgres: key.pem
  chmod 600 key.pem && chmod 755 "$folder"
  printf 'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n' >"$data/pg_hba.conf"
  network=(-c listen_addresses=127.0.0.1 -c port="$1" -c ssl=on -c ssl_cert_file="$folder/ca.pem"
    -c ssl_key_file="$folder/key.pem")
  export PGPORT=$1
fi
# A crash loses nothing that a test would miss.
"${as[@]}" "$bin/postgres" -D "$data" "${network[@]}" -c unix_socket_directories="$folder" -c fsync=off \
  -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=200 \
  ${POSTGRES_OPTIONS:-} \
  </dev/null >log 2>&1 &
server=$!
until "$bin/pg_isready" --quiet --host="$folder"; do
  kill -0 "$server" 2>/dev/null || { echo "it ended: $(tail -1 log)" && exit 1; }
  sleep 0.05
done
[ $# -eq 0 ] || psql --quiet --host="$folder" --username=postgres --command="ALTER ROLE postgres PASSWORD 'a secret:word@'"
echo "postgres:///postgres?user=postgres&host=$folder${PGPORT:+&port=$PGPORT}"
cat >/dev/null
