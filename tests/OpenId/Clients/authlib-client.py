"""A web application with authlib. DrivenProgram.cs starts it, and says what the lines mean."""
import json
import sys

import requests
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url

issuer, client_id, secret, scope, redirect_uri = sys.argv[1:6]
provider = AuthorizationServerMetadata(requests.get(get_well_known_url(issuer, external=True)).json())
provider.validate()
keys = JsonWebKey.import_key_set(requests.get(provider["jwks_uri"]).json())
session = OAuth2Session(client_id, secret, scope=scope, redirect_uri=redirect_uri, code_challenge_method="S256")
verifier, nonce = generate_token(48), generate_token()


def sign_in():
    address, state = session.create_authorization_url(provider["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
    session.state = state
    return {"open": address}


def callback(address):
    session.fetch_token(provider["token_endpoint"], authorization_response=address, code_verifier=verifier)
    claims = check(session.token, nonce)
    assert session.get(provider["userinfo_endpoint"]).json()["sub"] == claims["sub"]
    return held(claims)


def call():
    return {"status": session.get(issuer + "/protected").status_code}


def refresh():
    session.refresh_token(provider["token_endpoint"])
    return held(check(session.token) if "id_token" in session.token else None)


def sign_out():
    """Signs out of this application alone: its tokens end, and the browser stays signed in at the provider."""
    session.revoke_token(provider["revocation_endpoint"], session.token["refresh_token"], "refresh_token").raise_for_status()
    return {}


def check(token, expected_nonce=None):
    required = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    expected = {"client_id": client_id, "nonce": expected_nonce, "access_token": token["access_token"]}
    claims = jwt.decode(token["id_token"], keys, CodeIDToken, required, expected)
    claims.validate(leeway=5)
    return claims


def held(claims):
    return {"access_token": session.token["access_token"], "refresh_token": session.token["refresh_token"], "id_token": claims}


commands = {"sign-in": sign_in, "callback": callback, "call": call, "refresh": refresh, "sign-out": sign_out}
for line in sys.stdin:
    command, *arguments = line.split()
    try:
        answer = commands[command](*arguments)
    except Exception as error:
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
