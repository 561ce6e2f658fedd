#!/usr/bin/env bash
# Installs what the build and the tests lack, or says exactly what is missing and stops.
#   tests/setup.sh product   what `cargo build` of the product and the web page need
#   tests/setup.sh all       and what the test room, the browsers and the readers need
#   tests/setup.sh bench     and nginx, beside which serving is measured
set -euo pipefail
scope=${1:-all}

# command or pkg-config module : Debian package
product=(cc:gcc pkg-config:pkg-config node:nodejs npm:npm curl:curl)
everything=(c++:g++ python3:python3 ffmpeg:ffmpeg ffprobe:ffmpeg chromium:chromium firefox-esr:firefox-esr
  flatc:flatbuffers-compiler jq:jq
  =openssl:libssl-dev =libuv:libuv1-dev =libsrtp2:libsrtp2-dev =flatbuffers:libflatbuffers-dev
  =libfaketime:libfaketime =postgresql:postgresql)

wanted=("${product[@]}")
[ "$scope" != product ] && wanted+=("${everything[@]}")
[ "$scope" = bench ] && wanted+=(=nginx:nginx)

missing=()
for pair in "${wanted[@]}"; do
  probe=${pair%%:*} package=${pair##*:}
  case $probe in
  =*) pkg-config --exists "${probe#=}" 2>/dev/null || [ -n "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null | grep '^ii')" ] || missing+=("$package") ;;
  *) command -v "$probe" >/dev/null 2>&1 || missing+=("$package") ;;
  esac
done
if [ "$scope" != product ]; then
  python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || missing+=(python3-venv)
  python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
fi

if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "Missing: ${missing[*]}" >&2
    echo "Install them and run this again; on Debian, as root: apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    # No server of the machine's own: tests start theirs (tests/postgres.sh).
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null
fi

command -v cargo >/dev/null 2>&1 || { echo "Missing: Rust (https://rustup.rs)" >&2; exit 1; }
if [ "$scope" != product ] && ! cargo nextest --version >/dev/null 2>&1; then
  echo "Installing cargo-nextest"
  cargo install --locked --quiet cargo-nextest
fi
node_major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$node_major" -ge 20 ] || { echo "Missing: Node.js 20 or later (found $(node --version))" >&2; exit 1; }
