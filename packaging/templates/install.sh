#!/bin/sh
# Installs todo @VERSION@ for this user: todo, todo-up, todo-down and todo-status.
#
#   TODO_INSTALL_DIR  the directory; ~/.local/bin if not set
#   TODO_DOWNLOAD     where the archives are; the release on GitHub if not set
set -eu

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# The target of this machine. On Linux the program is statically linked, and needs no version of a C library.
target() {
  case $(uname -s) in
  Linux) system=unknown-linux-musl ;;
  Darwin) system=apple-darwin ;;
  *) fail "there is no archive for $(uname -s); on Windows use install.ps1" ;;
  esac
  case $(uname -m) in
  x86_64 | amd64) processor=x86_64 ;;
  aarch64 | arm64) processor=aarch64 ;;
  *) fail "there is no archive for the processor $(uname -m)" ;;
  esac
  # A shell that Rosetta translates says x86_64 on an ARM processor.
  if [ $system = apple-darwin ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null)" = 1 ]; then processor=aarch64; fi
  echo "$processor-$system"
}

checksum_of() {
  case $1 in
  x86_64-unknown-linux-musl) echo @SHA256:x86_64-unknown-linux-musl@ ;;
  aarch64-unknown-linux-musl) echo @SHA256:aarch64-unknown-linux-musl@ ;;
  x86_64-apple-darwin) echo @SHA256:x86_64-apple-darwin@ ;;
  aarch64-apple-darwin) echo @SHA256:aarch64-apple-darwin@ ;;
  esac
}

download() {
  if has curl; then
    curl --proto '=https,http' --fail --silent --show-error --location --output "$2" "$1"
  elif has wget; then
    wget -q -O "$2" "$1"
  else
    fail "curl or wget is needed to download"
  fi
}

checksum() {
  if has sha256sum; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif has shasum; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  else
    fail "sha256sum or shasum is needed to check what was downloaded"
  fi
}

main() {
  directory=${TODO_INSTALL_DIR:-$HOME/.local/bin}
  target=$(target)
  name=@NAME@-@VERSION@-$target
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"' EXIT
  trap 'exit 1' HUP INT TERM

  url=${TODO_DOWNLOAD:-@BASE@}/$name.tar.gz
  download "$url" "$temporary/archive" || fail "cannot download $url"
  found=$(checksum "$temporary/archive")
  [ "$found" = "$(checksum_of "$target")" ] || fail "$url has the checksum $found, not that of version @VERSION@"
  tar -xzf "$temporary/archive" -C "$temporary"

  mkdir -p "$directory"
  # Renamed, because the old program may be running.
  cp "$temporary/$name/todo" "$directory/todo.new"
  chmod 755 "$directory/todo.new"
  mv -f "$directory/todo.new" "$directory/todo"
  "$directory/todo" applets --install "$directory" >/dev/null
  echo "installed $("$directory/todo" --version) in $directory"
  case :$PATH: in
  *:"$directory":*) ;;
  *) echo "add it to PATH in your shell's profile: export PATH=\"$directory:\$PATH\"" ;;
  esac
}

# At the end: of a download that breaks off nothing is run.
main
