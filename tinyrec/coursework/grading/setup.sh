#!/usr/bin/env bash
# Gradescope runs this once, in /autograder/source, to build the image.
set -e
cd "$(dirname "$0")/.."
apt-get update
apt-get install -y python3.11 python3.11-venv || apt-get install -y python3 python3-venv
"$(command -v python3.11 || command -v python3)" -m venv env
env/bin/pip install @PACKAGES@
