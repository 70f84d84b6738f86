/* Ticked rows of a list: how many they are, and all of them at once. */
import { find, findAll, on } from './dom.js';

const boxes = () => findAll('[data-list] [name=rowid]');

export function showSelection() {
  const all = boxes();
  const ticked = all.filter((box) => box.checked).length;
  const head = find('[data-all]');
  all.forEach((box) => box.closest('tr').classList.toggle('on', box.checked));
  findAll('[data-n]').forEach((count) => {
    count.textContent = ticked;
  });
  findAll('.bar').forEach((bar) => bar.classList.toggle('idle', !ticked));
  findAll('[data-batch]').forEach((button) => button.setAttribute('aria-disabled', String(!ticked)));
  if (head) {
    head.checked = ticked > 0 && ticked === all.length;
    head.indeterminate = ticked > 0 && ticked < all.length;
  }
}

on('change', '[data-all]', (_e, head) => {
  boxes().forEach((box) => {
    box.checked = head.checked;
  });
  showSelection();
});

on('change', '[name=rowid]', showSelection);

if (find('[data-list]')) showSelection();
