#!/bin/sh
# A virtual environment with pip: tools/venv.sh PYTHON FOLDER
#
# Debian and Ubuntu ship Python without ensurepip, so that `python3 -m venv` fails half way and
# leaves a folder that looks like an environment. Then pip comes from the distribution.
set -eu
python=$1
folder=$2
if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  "$python" -m venv "$folder"
elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  # The package of this very Python: a machine may have several.
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "installing python$version-venv: this Python cannot make virtual environments"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "python$version-venv" >/dev/null
  "$python" -m venv "$folder"
elif "$python" -c 'import pip, venv' 2>/dev/null; then
  "$python" -m venv --without-pip "$folder"
  "$python" -m pip --python "$folder/bin/python" install -q pip
else
  echo "this Python cannot make virtual environments: apt-get install python3-venv" >&2
  exit 1
fi
