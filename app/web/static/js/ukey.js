/* Asks a UKey for a signature: finds the keys, asks for the PIN, has the server's words signed, and hands the answer in as an
   ordinary form. The PIN goes to the agent only. No words of any language: they come from the page. */
import { list, sign } from './ukey_agent.js';

const box = document.getElementById('ukey');
const form = box.querySelector('form[data-ukey-form]');
const message = box.querySelector('[data-ukey-says]');
const dialog = document.getElementById('ukey-pin');
const pin = dialog.querySelector('[name=pin]');
const choices = dialog.querySelector('[data-keys]');
const wrong = dialog.querySelector('[data-ukey-wrong]');
const ok = dialog.querySelector('[data-ok]');
let opener = null;

/** The page's sentence for an error of the agent: "no-key" is data-no-key. */
function word(error, tries) {
  const name = error.replace(/-(.)/g, (_all, letter) => letter.toUpperCase());
  return (box.dataset[name] || box.dataset.badRequest).replace('{n}', tries);
}

function say(text) {
  message.querySelector('div').textContent = text;
  message.hidden = !text;
}

function complain(text) {
  wrong.textContent = text;
  wrong.hidden = !text;
  if (text) pin.setAttribute('aria-invalid', 'true');
  else pin.removeAttribute('aria-invalid');
}

function setBusy(busy) {
  box.querySelectorAll('[data-ukey-start]').forEach((button) => button.setAttribute('aria-disabled', String(busy)));
  ok.setAttribute('aria-disabled', String(busy));
  dialog.querySelector('form').setAttribute('aria-busy', String(busy));
}

const isBusy = () => ok.getAttribute('aria-disabled') === 'true';

/* --- finding the keys --- */

/** One key is shown by its name; of several one is chosen. */
function choice(key, n, keys) {
  const row = document.createElement('label');
  const mark = document.createElement('input');
  const holder = document.createElement('span');
  const more = document.createElement('small');
  Object.assign(mark, { type: 'radio', name: 'key', value: key.id, checked: !n, hidden: keys.length === 1 });
  holder.textContent = key.holder;
  more.textContent = `${key.issuer} · ${box.dataset.until.replace('{day}', key.until)}`;
  row.className = 'ukey-key';
  row.append(mark, holder, more);
  return row;
}

function askForPin(keys) {
  choices.textContent = '';
  choices.append(...keys.map(choice));
  pin.value = '';
  complain(keys.length === 1 && keys[0].tries === 0 ? word('locked') : '');
  dialog.showModal();
  pin.focus();
}

async function findKeys() {
  say('');
  setBusy(true);
  try {
    const keys = await list(box.dataset.agent);
    setBusy(false);
    if (keys.length) askForPin(keys);
    else say(word('no-key'));
  } catch (fault) {
    setBusy(false);
    say(word(fault.error || 'no-agent'));
  }
}

box.addEventListener('click', (e) => {
  const button = e.target.closest('[data-ukey-start]');
  if (!button || isBusy()) return;
  e.preventDefault();
  if (form.querySelector('[required]') && !form.reportValidity()) return;
  opener = button;
  findKeys();
});

/* --- signing --- */

/** What is to be signed, and its number. */
async function start() {
  const token = form.querySelector('[name=csrf_token]');
  const headers = token ? { 'X-CSRFToken': token.value } : {};
  const answer = await fetch(box.dataset.start, { method: 'POST', headers, credentials: 'same-origin' });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error('refused'), { sentence: said.sentence || box.dataset.reload });
  return said;
}

function put(name, value) {
  const field = document.createElement('input');
  Object.assign(field, { type: 'hidden', name, value });
  form.appendChild(field);
}

async function handIn(id, secret) {
  const { number, words } = await start();
  const signed = await sign(box.dataset.agent, { id, words, pin: secret });
  put('number', number);
  put('signature', signed.signature);
  (signed.chain || []).forEach((certificate) => put('chain', certificate));
  form.submit();
}

dialog.querySelector('form').addEventListener('submit', async (e) => {
  if (e.submitter && e.submitter.value === 'cancel') return;
  e.preventDefault();
  if (isBusy()) return;
  if (!pin.value) {
    complain(box.dataset.empty);
    pin.focus();
    return;
  }
  const secret = pin.value;
  pin.value = '';
  complain('');
  setBusy(true);
  try {
    await handIn(choices.querySelector('[name=key]:checked').value, secret);
  } catch (fault) {
    setBusy(false);
    complain(fault.sentence || word(fault.error || 'no-agent', fault.tries));
    pin.focus();
  }
});

dialog.addEventListener('close', () => {
  pin.value = '';
  setBusy(false);
  if (opener) opener.focus();
});
