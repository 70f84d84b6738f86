/* Single keys, as the page under ? lists them (WCAG 2.1.4: they can be switched off there; ? itself stays). */
import { isAgainst } from './decision.js';
import { find, findAll, on } from './dom.js';
import { closeMenus } from './menu.js';
import { showSelection } from './selection.js';

let current = -1;

const rows = () => findAll('[data-list] tbody tr');

function goToRow(n) {
  const all = rows();
  if (!all.length) return false;
  current = Math.max(0, Math.min(all.length - 1, n));
  all.forEach((row, i) => row.classList.toggle('cur', i === current));
  const link = find('[data-open], .ops a', all[current]);
  if (link) link.focus({ preventScroll: true });
  all[current].scrollIntoView({ block: 'nearest' });
  return true;
}

function areSwitchedOff() {
  try {
    return localStorage.getItem('ag_keys') === 'off';
  } catch {
    return false; // a private window keeps nothing
  }
}

function switchOff(off) {
  try {
    localStorage.setItem('ag_keys', off ? 'off' : '');
  } catch {
    // a private window keeps nothing
  }
}

function showKeys() {
  const dialog = find('#dlg-keys');
  if (!dialog || !dialog.showModal) return;
  dialog.showModal();
  find('[data-keys-off]').checked = areSwitchedOff();
}

function choose(isWanted) {
  const choice = findAll('[data-review] [name=decision]').find(isWanted);
  if (!choice) return false;
  choice.checked = true;
  choice.dispatchEvent(new Event('change', { bubbles: true }));
  ((isAgainst(choice) && find('[data-review] #reason')) || choice).focus();
  return true;
}

const sendsBack = (choice) => choice.value === 'return';

function goToCase(selector) {
  const link = find(selector);
  if (link?.href) location.href = link.href;
  return true;
}

function tickRow() {
  const row = rows()[current];
  const box = row && find('[name=rowid]', row);
  if (!box) return false;
  box.checked = !box.checked;
  showSelection();
  return true;
}

function focusOn(element) {
  if (element) element.focus();
  return !!element;
}

function press(element) {
  if (element) element.click();
  return !!element;
}

function help() {
  showKeys();
  return true;
}

const KEYS = new Map([
  ['?', help],
  ['/', () => focusOn(find('[data-slash]'))],
  ['a', () => choose((choice) => !isAgainst(choice))],
  ['b', () => choose(sendsBack)],
  ['r', () => choose((choice) => isAgainst(choice) && !sendsBack(choice))],
  ['j', () => (find('[data-review]') ? goToCase('[data-next]') : goToRow(current + 1))],
  ['k', () => (find('[data-review]') ? goToCase('[data-prev]') : goToRow(current - 1))],
  ['i', () => press(find('[data-reveal]'))],
  ['x', tickRow],
  ['+', () => press(find('.viewer [data-zoom="1.25"]'))],
  ['=', () => press(find('.viewer [data-zoom="1.25"]'))], // the same key without Shift
  ['-', () => press(find('.viewer [data-zoom="0.8"]'))],
  ['0', () => press(find('.viewer [data-fit=whole]'))],
  ['w', () => press(find('.viewer [data-fit=width]'))],
  ['t', () => press(find('.viewer [data-turn]'))],
  ['s', () => press(find('.viewer [data-beside]'))],
  ['f', () => press(find('.viewer [data-full]'))],
]);

/** Whether the key did something. */
function act(key) {
  if (/^[1-9]$/.test(key)) return press(findAll('[data-scan]')[key - 1]);
  const action = KEYS.get(key);
  return !!action && action();
}

const isTypedIn = (element) =>
  /^(input|textarea|select)$/i.test(element.tagName) && !/^(checkbox|radio)$/.test(element.type);

on('change', '[data-keys-off]', (_e, box) => switchOff(box.checked));
on('click', '[data-keys]', showKeys);

/* Ctrl+K, while typing as well: the box at the top; where the window is too narrow for it, the page of the search. */
document.addEventListener('keydown', (e) => {
  if (!(e.ctrlKey || e.metaKey) || e.key !== 'k') return;
  e.preventDefault();
  const box = findAll('[data-find], #find-q').find((one) => one.offsetParent);
  if (box) box.focus();
  else press(find('.find-link'));
});

document.addEventListener('keydown', (e) => {
  if (e.key === 'Escape') closeMenus();
  if (e.ctrlKey && e.key === 'Enter') {
    const submit = find('[data-next-submit]');
    if (submit && !find('dialog[open]')) {
      e.preventDefault();
      submit.click();
    }
    return;
  }
  if (e.ctrlKey || e.metaKey || e.altKey || isTypedIn(e.target) || find('dialog[open]')) return;
  if (areSwitchedOff() && e.key !== '?') return;
  if (act(e.key.toLowerCase())) e.preventDefault();
});
