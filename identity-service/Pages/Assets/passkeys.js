// Passkeys in the browser. It finds, each only on its page (buttons: type="button" hidden data-next="/path"):
//   #username          sign-in: input with autocomplete="username webauthn"; the browser offers passkeys in it
//   #passkey-signin    sign-in: signs in without a name
//   #passkey-second    second factor; data-login-token
//   #passkey-confirm   confirms that it is you
//   #passkey-add       security: adds one, named by the input #passkey-name if there
//   #passkey-message   role="alert" hidden, data-errors="{code: text}", data-failed="the text of any other fault",
//                      data-confirm="/path to confirm at first"

const find = id => document.getElementById(id);
const message = find('passkey-message');
let waiting; // the request of the name field, which any other must stop first

async function post(path, body) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body)
  });
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(json.message), { code: json.code });
  return json;
}

async function sign(path, body, more) {
  const { options, state } = await post(path, body);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return { credential: (await navigator.credentials.get({ ...more, publicKey })).toJSON(), state };
}

async function signIn(button) {
  const login_token = button.dataset.loginToken;
  await post('/login/passkey', { ...await sign('/login/passkey/options', { login_token }), login_token });
}

async function confirm() {
  await post('/account/reauthenticate', { passkey: await sign('/account/passkeys/assertion-options') });
}

async function add() {
  const { options, state } = await post('/account/passkeys/options');
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = (await navigator.credentials.create({ publicKey })).toJSON();
  await post('/account/passkeys', { name: find('passkey-name')?.value.trim() || undefined, credential, state });
}

function show({ name, code }) {
  if (name === 'AbortError' || name === 'NotAllowedError' || !message) return; // the person or another request stopped it
  if (code === 'insufficient_user_authentication') return location.assign(message.dataset.confirm);
  message.textContent = JSON.parse(message.dataset.errors)[code] ?? message.dataset.failed;
  message.hidden = false;
}

async function run(act, button) {
  try {
    await act(button);
    location.assign(button.dataset.next);
  } catch (error) {
    show(error);
  }
}

// A challenge lives five minutes, and a page may stay open for longer. Until the person chooses a passkey in the name field, nobody has
// asked for anything, so a fault says nothing: some browsers without passkeys fail here.
async function offer(button) {
  waiting?.abort();
  waiting = new AbortController();
  let signed;
  try {
    signed = await sign('/login/passkey/options', {}, { mediation: 'conditional', signal: waiting.signal });
  } catch {
    return;
  }
  await run(() => post('/login/passkey', signed), button);
}

if (window.PublicKeyCredential?.parseRequestOptionsFromJSON) {
  const acts = { signin: signIn, second: signIn, confirm, add };
  let timer;
  for (const [name, act] of Object.entries(acts)) {
    const button = find('passkey-' + name);
    if (!button) continue;
    button.hidden = false;
    button.addEventListener('click', async () => {
      clearInterval(timer);
      waiting?.abort();
      button.disabled = true;
      if (message) message.hidden = true;
      await run(act, button);
      button.disabled = false;
    });
  }
  const button = find('passkey-signin');
  if (button && find('username') && await PublicKeyCredential.isConditionalMediationAvailable?.()) {
    offer(button);
    timer = setInterval(offer, 240_000, button);
  }
}
