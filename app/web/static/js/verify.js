/* Checks a certificate's QR code in the browser alone: the signature (COSE_Sign1, ES256) with the published keys, the
   standing by the signed status list. The same as app/certificates/offline.py. No words of any language: they come from the
   page. */
import { digitsIn, read } from './verify/code.js';
import { MARKS, markAt, openList } from './verify/status_list.js';

const DAY = 86400000;
const OFFICE = 8 * 3600000; // days begin and end at UTC+8
const SHORT = 32; // digits of a code of the time before codes were signed
const TONES = { inForce: 'ok', suspended: 'todo', listTooOld: 'todo', unknown: 'todo' };

const box = document.getElementById('verify');
const words = document.getElementById('verify-words').dataset;
const result = document.getElementById('verdict');
const state = { keys: null, list: null };

const isOver = (list) => Date.now() >= list.until;

/** An end is final, whatever the age of the list; nothing else is. */
function standingOf(claims) {
  const mark = markAt(state.list, claims.place);
  const today = Math.floor((Date.now() + OFFICE) / DAY);
  if (mark === MARKS.ended) return 'ended';
  if (mark === MARKS.updated) return 'updated';
  if (today > claims.until) return 'expired';
  if (mark === null) return 'unknown';
  if (isOver(state.list)) return 'listTooOld';
  return mark === MARKS.suspended ? 'suspended' : 'inForce';
}

/* --- what is shown --- */

function ago(at) {
  const seconds = Math.max(0, (Date.now() - at) / 1000);
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: 'always' });
  if (seconds < 60) return words.now;
  if (seconds < 5400) return format.format(-Math.round(seconds / 60), 'minute');
  if (seconds < 172800) return format.format(-Math.round(seconds / 3600), 'hour');
  return format.format(-Math.round(seconds / 86400), 'day');
}

function showListAge() {
  const { list } = state;
  const line = document.getElementById('list-age');
  line.textContent = list
    ? (isOver(list) ? words.listPast : words.listAge).replace('{age}', ago(list.at))
    : words.noList;
  line.classList.toggle('err', !list || isOver(list));
}

function showFacts(facts, { name, number, version, until }) {
  const values = { name, number, version, until: new Date(until * DAY).toISOString().slice(0, 10) };
  Object.keys(values).forEach((key) => {
    facts.querySelector(`[data-fact="${key}"]`).textContent = values[key];
  });
}

function show(kind, claims) {
  const facts = result.querySelector('dl');
  const link = result.querySelector('a');
  result.className = `cert ${TONES[kind] || 'bad'}`;
  result.querySelector('.verdict').textContent = words[kind];
  result.querySelector('.means').textContent = claims ? words.genuine : words[`${kind}Means`] || '';
  facts.hidden = !claims;
  link.hidden = !claims;
  if (claims) {
    showFacts(facts, claims);
    link.href = `/v/${claims.digits}`;
  }
  result.hidden = false;
  showListAge();
  result.focus();
}

const canVerify = () => window.crypto && crypto.subtle && window.DecompressionStream;

async function check(given) {
  await ready;
  const digits = digitsIn(given);
  if (!digits) return show('nothing');
  if (!canVerify()) return show('browser');
  if (!state.keys) return show('noKeys');
  try {
    const claims = await read(state.keys, digits);
    return show(standingOf(claims), claims);
  } catch {
    return show(digits.length <= SHORT ? 'older' : 'forged');
  }
}

/* --- where it begins --- */

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(address);
  return answer;
}

/** Without keys or list the page says what it cannot tell. */
async function prepare() {
  try {
    state.keys = (await (await fetched(box.dataset.jwks)).json()).keys;
    state.list = await openList(state.keys, await (await fetched(box.dataset.list)).text());
  } catch {
    // said by show() and showListAge()
  }
  showListAge();
}

async function readPicture(input) {
  const file = input.files[0];
  if (!file) return;
  try {
    const bitmap = await createImageBitmap(file);
    const found = await new window.BarcodeDetector({ formats: ['qr_code'] }).detect(bitmap);
    box.elements.code.value = found[0].rawValue;
    await check(found[0].rawValue);
  } catch {
    show('unreadable');
  }
  input.value = '';
}

function checkAddress() {
  const digits = location.hash.slice(1);
  if (!digits) return;
  box.elements.code.value = digits;
  check(digits);
}

const ready = prepare();

box.addEventListener('submit', (e) => {
  e.preventDefault();
  check(box.elements.code.value);
});

if ('BarcodeDetector' in window) {
  const picture = document.getElementById('picture');
  picture.hidden = false;
  picture.querySelector('input').addEventListener('change', (e) => readPicture(e.target));
}

window.addEventListener('hashchange', checkAddress);
checkAddress();

// It only keeps the page for later: without it the page works with the network.
if ('serviceWorker' in navigator)
  navigator.serviceWorker.register('/verify-worker.js', { scope: '/verify' }).catch(() => {});
