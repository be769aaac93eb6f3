#!/usr/bin/env bash
# Starts a mesh on this machine and this service behind it: ./run.sh
# Ctrl-C ends the service. The mesh keeps running: ./run.sh --stop stops it. It needs PostgreSQL or Docker, and keeps its data in .authmesh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ "${1:-}" = --stop ]; then exec dotnet authmesh-local --stop; fi

dotnet tool restore
dotnet build --nologo --verbosity quiet
dotnet authmesh-local --stop >/dev/null
dotnet authmesh-local --identity-port 8081 --settings gateway-route.json --detach

export ASPNETCORE_ENVIRONMENT=Development
export AuthMesh__Issuer=http://localhost:8080 AuthMesh__IdentityUrl=http://localhost:8081
export AuthMesh__ServiceKeyFile=$PWD/.authmesh/service.key
exec dotnet run --project "Company.Service-1" --no-build --no-launch-profile --urls http://localhost:8083
