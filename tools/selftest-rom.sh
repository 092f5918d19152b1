#!/bin/sh
# Assembles the self-test guest and prints what src/vmkernel/vmm/accelerator-rom.ts holds of it. Needs binutils.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
as --64 selftest-rom.S -o "$work/rom.o"
objcopy -O binary -j .text "$work/rom.o" "$work/rom"
length=$((0x$(nm "$work/rom.o" | awk '$3 == "code_end" { print $1 }')))
echo "code, $length bytes from the start of the ROM:"
head -c "$length" "$work/rom" | base64 -w 120
echo "entry, 16 bytes at its end:"
tail -c 16 "$work/rom" | base64
