#!/bin/bash
f=$1; shift; o=/tmp/core-$(basename $f .ts).mjs
npx esbuild $f --bundle --platform=node --format=esm --packages=external --sourcemap=inline --outfile=scratch/out-$(basename $f .ts).mjs --log-level=error 2>/dev/null
node --stack-trace-limit=20 --enable-source-maps scratch/out-$(basename $f .ts).mjs "$@"
