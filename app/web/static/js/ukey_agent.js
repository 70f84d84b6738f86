/* How a page asks a UKey: list(agent) and sign(agent, {id, words, pin}). This is the adapter for an agent that speaks
   docs/UKEY.md over HTTP on the loopback; a vendor's own agent is reached by another file in place of this one, with the same
   two names. */

const SECONDS_TO_LIST = 5;
const SECONDS_TO_SIGN = 60;

const failure = (error, tries) => Object.assign(new Error(error), { error, tries });

function request(body, signal) {
  const settings = { signal, credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer' };
  if (!body) return settings;
  return { ...settings, method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

async function ask(address, body, seconds) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), seconds * 1000);
  try {
    const answer = await fetch(address, request(body, stop.signal));
    const said = await answer.json();
    if (!answer.ok) throw failure(said.error || 'bad-request', said.tries);
    return said;
  } catch (e) {
    throw e.error ? e : failure('no-agent');
  } finally {
    clearTimeout(timer);
  }
}

export async function list(agent) {
  return (await ask(`${agent}/v1/keys`, null, SECONDS_TO_LIST)).keys || [];
}

export function sign(agent, asked) {
  return ask(`${agent}/v1/sign`, asked, SECONDS_TO_SIGN);
}
