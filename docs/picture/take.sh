#!/usr/bin/env bash
# Takes the moving picture of the README anew: docs/picture/take.sh
# It starts a mesh of this checkout on port 8080, runs the commands of two terminals against it, and draws what they showed, and when.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for project in local-mesh client; do
  dotnet build "$project" --configuration Release --nologo --verbosity quiet -p:RunAnalyzers=false
done
data=$(mktemp -d)
mesh=(dotnet local-mesh/bin/Release/net10.0/local-mesh.dll --data "$data/mesh")
trap '"${mesh[@]}" --stop; rm -rf "$data"' EXIT
"${mesh[@]}" --detach

AUTHMESH_CLIENT=$PWD/client/bin/Release/net10.0/authmesh.dll AUTHMESH_HOME=$data dotnet run docs/picture/take.cs >"$data/logout.svg"
mv "$data/logout.svg" docs/picture/logout.svg
