// A web application with openid-client. DrivenProgram.cs starts it, and says what the lines mean.
import { createInterface } from 'node:readline'
import * as openid from 'openid-client'

const [issuer, clientId, secret, scope, redirectUri, afterSignOut] = process.argv.slice(2)
const config = await openid.discovery(new URL(issuer), clientId, secret, undefined, {
  execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks], // plain http, and signatures of ID tokens
})
let checks, tokens, idToken

const commands = {
  async 'sign-in'() {
    checks = { pkceCodeVerifier: openid.randomPKCECodeVerifier(), expectedState: openid.randomState(), expectedNonce: openid.randomNonce() }
    const address = openid.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      code_challenge: await openid.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
    })
    return { open: address }
  },

  async callback(address) {
    tokens = await openid.authorizationCodeGrant(config, new URL(address), { ...checks, idTokenExpected: true })
    await openid.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
    return held()
  },

  async call() {
    try {
      const answer = await openid.fetchProtectedResource(config, tokens.access_token, new URL('/protected', issuer), 'GET')
      return { status: answer.status }
    } catch (error) {
      if (error instanceof openid.WWWAuthenticateChallengeError) return { status: error.status }
      throw error
    }
  },

  async refresh() {
    tokens = await openid.refreshTokenGrant(config, tokens.refresh_token)
    return held()
  },

  async 'sign-out'() {
    return { open: openid.buildEndSessionUrl(config, { post_logout_redirect_uri: afterSignOut, id_token_hint: idToken }) }
  },
}

function held() {
  idToken = tokens.id_token ?? idToken
  return { access_token: tokens.access_token, refresh_token: tokens.refresh_token, id_token: tokens.claims() }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = line.split(' ')
  try {
    console.log(JSON.stringify(await commands[command](argument)))
  } catch (error) {
    const { message, code, cause } = error
    console.log(JSON.stringify({ error: message, code, cause }))
  }
}
