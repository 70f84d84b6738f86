/* Before the session ends for lack of use: a question, and "stay signed in". Windows of one browser tell one another of their
   use. Without script nothing is asked, and the form that was sent too late comes back after signing in. */
import { find, findAll } from './dom.js';

const LEAD = 120; // seconds
const SHARED = 'ag_session_ends';
const dialog = find('#dlg-session');
let known = 0; // when the session ends, by the clock of this machine
let isDismissed = false;

function told(seconds) {
  known = Date.now() + seconds * 1000;
  try {
    localStorage.setItem(SHARED, String(known));
  } catch {
    // no storage: each window knows of its own use only
  }
}

/** Seconds that are left, as the window that was used last was told. */
function left() {
  try {
    known = Number(localStorage.getItem(SHARED)) || known;
  } catch {
    // as above
  }
  return Math.ceil((known - Date.now()) / 1000);
}

function show(part) {
  findAll('[data-while], [data-last], [data-over]', dialog).forEach((element) => {
    element.hidden = !element.hasAttribute(`data-${part}`);
  });
  if (!dialog.open) dialog.showModal();
}

function watch() {
  const seconds = left();
  if (seconds > LEAD) {
    isDismissed = false;
    if (dialog.open) dialog.close('elsewhere');
    setTimeout(watch, (seconds - LEAD) * 1000);
  } else if (seconds > 0) {
    if (!dialog.open && !isDismissed) show('while');
    find('[data-time]', dialog).textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    setTimeout(watch, 1000);
  } else {
    show('over');
  }
}

async function stay() {
  const answer = await fetch(dialog.dataset.url, { headers: { Accept: 'application/json' } }).catch(() => null);
  if (answer?.ok) told((await answer.json()).seconds);
  if (answer?.status === 401) show('over');
  else if (!answer?.ok) show('while');
  else if (left() <= LEAD) show('last');
}

if (dialog?.showModal) {
  told(Number(dialog.dataset.left));
  dialog.addEventListener('close', () => {
    isDismissed = dialog.returnValue === 'close';
    if (dialog.returnValue === 'stay') stay();
    dialog.returnValue = 'close'; // as the escape key leaves it
  });
  dialog.returnValue = 'close';
  watch();
}
