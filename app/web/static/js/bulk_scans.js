/* Many scans: files, folders and archives are sent one by one, with progress. What the server has already, by its digest, is
   not sent again, so whatever was interrupted goes on when the same files are dropped once more. Without script one form sends
   all of them together. */
import { create, find, findAll } from './dom.js';

const AT_ONCE = 2;
const TRIES = 4;
const PAUSE = 2000; // milliseconds before the first repetition
const BUSY = [429, 502, 503, 504];
const ASKED = 200; // digests of one question
const form = find('[data-pile]');
const box = find('[data-sending]', form);
const count = { done: 0, all: 0, known: 0, refused: 0 };
let isSending = false;
let queue = Promise.resolve();

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function show() {
  box.hidden = false;
  const meter = find('progress', box);
  meter.max = Math.max(1, count.all);
  meter.value = count.done;
  let text = form.dataset.progress;
  Object.keys(count).forEach((name) => {
    text = text.replace(`{${name}}`, count[name]);
  });
  find('[data-text]', box).textContent = text;
}

function refuse(sentence) {
  count.refused += 1;
  find('[data-refused]', box).append(create('li', { textContent: sentence }));
}

/** Posts a form; again after a pause while the server is busy or cannot be reached. */
async function post(address, body, tries = TRIES) {
  body.set('csrf_token', find('[name=csrf_token]', form).value);
  const answer = await fetch(address, { method: 'POST', body, headers: { Accept: 'application/json' } }).catch(
    () => null,
  );
  if (answer && !BUSY.includes(answer.status)) return answer;
  if (tries === 1) return answer;
  await wait(PAUSE * (TRIES - tries + 1));
  return post(address, body, tries - 1);
}

async function sentences(answer) {
  const told = await answer.json().catch(() => ({}));
  return (told.sentences || [answer.statusText]).join(' ');
}

function note(outcomes) {
  outcomes.forEach((one) => {
    if (one.state === 'refused') refuse(one.sentence);
    if (one.state === 'known') count.known += 1;
  });
}

/** The rest of an archive, portion by portion. */
async function unpack(archive) {
  count.all += archive.total - archive.done;
  let left = archive;
  while (left?.ticket) {
    const body = new FormData();
    body.set('ticket', left.ticket);
    const answer = await post(form.dataset.unpack, body);
    if (!answer?.ok) {
      refuse(answer ? await sentences(answer) : form.dataset.lost.replace('{name}', () => archive.name));
      return;
    }
    const told = await answer.json();
    note(told.outcomes);
    count.done += told.outcomes.length;
    [left] = told.archives;
    show();
  }
}

async function send(item) {
  const body = new FormData();
  body.set('files', item.file, item.path);
  const answer = await post(form.action, body);
  if (answer?.ok) {
    const told = await answer.json();
    note(told.outcomes);
    for (const archive of told.archives) await unpack(archive);
  } else {
    refuse(answer ? `${item.path}: ${await sentences(answer)}` : form.dataset.lost.replace('{name}', () => item.path));
  }
  count.done += 1;
  show();
}

async function digest(file) {
  const sum = await crypto.subtle.digest('SHA-256', await file.arrayBuffer());
  return Array.from(new Uint8Array(sum), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Those that are not here yet. Only secure pages may compute digests; otherwise the server finds out by itself. */
async function unknown(items) {
  if (!window.crypto?.subtle) return items;
  const body = new FormData();
  for (const item of items) {
    item.source = await digest(item.file);
    body.append('source', item.source);
  }
  const answer = await post(form.dataset.known, body);
  const here = new Set(answer?.ok ? (await answer.json()).known : []);
  const left = items.filter((item) => !here.has(item.source));
  count.known += items.length - left.length;
  count.done += items.length - left.length;
  return left;
}

/** Puts one part of the page in the place of another, with what was chosen and typed there meanwhile. */
function replace(part, fresh) {
  for (const field of findAll('input[list], select', part)) {
    const same = fresh.querySelector(`[name="${field.name}"]`);
    const isChanged = field.list ? field.value !== field.defaultValue : !field.selectedOptions[0]?.defaultSelected;
    if (same && isChanged) same.value = field.value;
  }
  part.replaceWith(fresh);
}

/** The parts of the page that show what is here, as they are now. */
async function renew() {
  const answer = await fetch(form.dataset.home).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = findAll('[data-renew]', page);
  findAll('[data-renew]').forEach((part, n) => replace(part, fresh[n]));
}

async function sendSome(items) {
  isSending = true;
  count.all += items.length;
  show();
  for (let first = 0; first < items.length; first += ASKED) {
    const left = await unknown(items.slice(first, first + ASKED));
    show();
    const next = async () => {
      for (let item = left.shift(); item; item = left.shift()) await send(item);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
  }
  isSending = false;
  await renew();
}

/** After what is being sent already. */
function sendAll(items) {
  if (items.length) queue = queue.then(() => sendSome(items));
}

/** All files of what was dropped, with the path below it. */
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, '') }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const one of some) found.push(...(await filesOf(one)));
  }
}

function chosen(input) {
  return Array.from(input.files, (file) => ({ file, path: file.webkitRelativePath || file.name }));
}

const drop = find('[data-drop]', form);
['dragover', 'dragleave', 'drop'].forEach((event) => {
  drop.addEventListener(event, async (e) => {
    e.preventDefault();
    drop.classList.toggle('drag', event === 'dragover');
    if (event !== 'drop') return;
    // The list is empty as soon as the event is over.
    const dropped = Array.from(e.dataTransfer.items, (item) => [item.webkitGetAsEntry(), item.getAsFile()]);
    const found = [];
    for (const [entry, file] of dropped) {
      if (entry) found.push(...(await filesOf(entry)));
      else if (file) found.push({ file, path: file.name });
    }
    sendAll(found);
  });
});

findAll('input[type=file]', form).forEach((input) => {
  input.addEventListener('change', () => {
    sendAll(chosen(input));
    input.value = ''; // the same files may be chosen again
  });
});
form.addEventListener('submit', (e) => e.preventDefault());
window.addEventListener('beforeunload', (e) => {
  if (isSending) e.preventDefault();
});
find('[data-script]', form).hidden = false;
find('button', form).hidden = true; // what is chosen is sent at once
findAll('[data-sum]', form).forEach((hint) => hint.remove()); // each file is sent by itself
