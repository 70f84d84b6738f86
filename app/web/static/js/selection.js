/* Ticked rows of a list: how many they are, all of the page at once, and all pages of the list. */
import { find, findAll, on } from './dom.js';

const boxes = () => findAll('[data-list] tr [name=rowid]'); // a picker names those of its other pages outside the table

/** How many rows a batch button of this form acts on. */
export function selected(form) {
  const whole = find('[data-whole]:checked', form);
  return whole ? Number(whole.dataset.whole) : findAll('[name=rowid]:checked', form).length;
}

export function showSelection() {
  const all = boxes();
  const isWhole = !!find('[data-list] [data-whole]:checked');
  const ticked = all.filter((box) => box.checked).length;
  const count = selected(find('[data-list]'));
  const head = find('[data-all]');
  all.forEach((box) => {
    box.disabled = isWhole;
    box.closest('tr').classList.toggle('on', box.checked || isWhole);
  });
  findAll('[data-n]').forEach((shown) => {
    shown.textContent = count;
  });
  findAll('.bar').forEach((bar) => bar.classList.toggle('idle', !count));
  findAll('[data-batch]').forEach((button) => button.setAttribute('aria-disabled', String(!count)));
  if (head) {
    head.disabled = isWhole;
    head.checked = isWhole || (ticked > 0 && ticked === all.length);
    head.indeterminate = !isWhole && ticked > 0 && ticked < all.length;
  }
}

on('change', '[data-all]', (_e, head) => {
  boxes().forEach((box) => {
    box.checked = head.checked;
  });
  showSelection();
});

on('change', '[name=rowid], [data-whole]', showSelection);

// A browser that goes back restores the ticks after this script has run.
window.addEventListener('pageshow', () => {
  if (find('[data-list]')) showSelection();
});
