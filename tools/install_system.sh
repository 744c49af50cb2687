#!/usr/bin/env bash
# Bring, on Debian and Ubuntu, every program that a test can need: apt-get installs what is missing.
# Usage: tools/install_system.sh [--list]
#   --list prints the packages that are missing and installs nothing.
# Needs root only if something is missing.
set -euo pipefail

# package, and a command that shows it is already there by whatever way it came
wanted=(
    "make make"
    "curl curl"
    "gcc gcc"                         # builds uWSGI
    "nodejs node"                     # the official JavaScript client and server
    "npm npm"
    "chromium chromium"               # a real browser
    "nginx nginx"                     # proxy in front of several workers
    "redis-server redis-server"
    "redis-sentinel redis-sentinel"
    "rabbitmq-server rabbitmqctl"
    "nats-server nats-server"
    "default-jdk-headless javac"      # runs Kafka and the official Java client
    "maven mvn"                       # brings both
    "pkg-config pkg-config"           # finds OpenSSL for the Rust client
    "cargo-web cargo"                 # builds it; Debian's newer Rust, made for its browsers
)
# uWSGI is built from source: websockets need OpenSSL. `libssl-dev` and the headers have no command.
wanted_files=(
    "libssl-dev /usr/include/openssl/ssl.h"
)

missing=()
for entry in "${wanted[@]}"; do
    read -r package program <<<"$entry"
    # RabbitMQ and others live in sbin, which is not on everyone's PATH.
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || missing+=("$package")
done
for entry in "${wanted_files[@]}"; do
    read -r package file <<<"$entry"
    [ -e "$file" ] || missing+=("$package")
done
# The interpreter that the Makefile would take: does it have venv and, to build uWSGI, its headers?
python=$(command -v python3 || true)
if [ -z "$python" ]; then
    missing+=(python3 python3-venv python3-dev)
else
    "$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
    headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
    [ -e "$headers/Python.h" ] || missing+=(python3-dev)
fi

if [ "${1:-}" = --list ]; then
    printf '%s\n' "${missing[@]}"
    exit 0
fi
if [ "${#missing[@]}" -eq 0 ]; then
    echo "Every program of the tests is there."
    exit 0
fi

echo "Missing: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "This script knows apt-get only; install the programs above by other means." >&2
    exit 1
fi
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "Run it as root, or install sudo." >&2; exit 1; }
    sudo=(sudo)
fi
# Packages of servers start them at installation; the tests start their own, on their own ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod +x "$policy"
    trap '"${sudo[@]}" rm -f "$policy"' EXIT
fi
"${sudo[@]}" apt-get -o DPkg::Lock::Timeout=300 update -q
# Releases whose own Rust is new enough have no other.
if ! apt-cache show cargo-web >/dev/null 2>&1; then
    missing=("${missing[@]/#cargo-web/cargo}")
fi
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends "${missing[@]}"
