#!/usr/bin/env bash
# Signs alice in, calls the service through the gateway, signs her out, and calls it again with the same token.
set -euo pipefail
mesh=http://localhost:${AUTHMESH_PORT:-8080}

until curl --silent --fail --output /dev/null $mesh/service1-path/about; do sleep 0.1; done
token=$(curl --silent --fail $mesh/login --json '{"username":"alice","password":"password123"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')

call() { curl --silent --write-out '  (%{http_code})\n' $mesh/service1-path --header "Authorization: Bearer $token"; }
call
curl --silent --write-out '  (%{http_code})\n' --request POST $mesh/logout --header "Authorization: Bearer $token"
sleep 0.1 # the logout reaches every service within milliseconds
call
