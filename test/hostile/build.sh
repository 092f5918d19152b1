#!/bin/sh
# Assembles the program and prints it as system-calls.ts holds it. Needs binutils.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
as --64 system-calls.S -o "$work/program.o"
ld -N -s --build-id=none -o "$work/program" "$work/program.o"
base64 -w 120 "$work/program"
