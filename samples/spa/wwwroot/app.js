const { issuer, client_id } = await (await fetch('/settings')).json()

// The code flow with PKCE. The tokens stay in this tab's sessionStorage, and are renewed a minute before they expire.
export const users = new oidc.UserManager({
  authority: issuer,
  client_id,
  scope: 'openid profile mesh',
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/signed-out`,
})

const element = (id) => document.getElementById(id)

/** Shows who is signed in. */
async function show(text) {
  const user = await users.getUser()
  document.querySelector('[role=status]').textContent =
    text ?? (user ? `Signed in as ${user.profile.preferred_username}` : 'You are not signed in')
  element('sign-in').hidden = user !== null
  element('signed-in').hidden = user === null
}

async function get(path) {
  const { access_token } = await users.getUser()
  return fetch(issuer + path, { headers: { Authorization: `Bearer ${access_token}` } })
}

async function read() {
  element('answer').textContent = ''
  let answer = await get('/protected')
  if (answer.status === 401) {
    await users.signinSilent() // the token expired while this device slept, or the session ended: then this fails
    answer = await get('/protected')
  }

  element('answer').textContent = `${answer.status} ${await answer.text()}`
}

/** Runs what a person asked for, and shows what went wrong. */
async function attempt(action) {
  try {
    await action()
  } catch (error) {
    if (error instanceof oidc.ErrorResponse && error.error === 'invalid_grant') {
      await users.removeUser() // signed out elsewhere
      await show('Your session has ended')
    } else {
      await show(error.message)
    }
  }
}

element('sign-in').onclick = () => attempt(() => users.signinRedirect({ nonce: crypto.randomUUID() }))
element('sign-out').onclick = () => attempt(() => users.signoutRedirect())
element('read').onclick = () => attempt(read)

const { href, pathname } = location
history.replaceState(null, '', '/') // a reload must not use the code again
await attempt(async () => {
  if (pathname === '/callback') await users.signinCallback(href)
  if (pathname === '/signed-out') await users.signoutCallback(href)
  await show()
  if (await users.getUser()) await read()
})
