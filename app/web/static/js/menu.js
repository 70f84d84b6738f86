/* The menu on narrow screens, and drop-downs. */
import { create, find, findAll, on } from './dom.js';

function showMenu(open) {
  const side = find('#side');
  const button = find('[data-menu]');
  const scrim = find('.scrim');
  if (!side || !button) return;
  side.classList.toggle('open', open);
  button.setAttribute('aria-expanded', String(open));
  if (open && !scrim) {
    const cover = create('div', { className: 'scrim' });
    cover.addEventListener('click', () => showMenu(false));
    document.body.appendChild(cover);
    find('a', side).focus();
  } else if (!open && scrim) {
    scrim.remove();
    button.focus();
  }
}

function closeDropDowns(except) {
  findAll('details.drop[open]').forEach((box) => {
    if (!except || !box.contains(except)) box.open = false;
  });
}

export function closeMenus() {
  if (find('.scrim')) showMenu(false);
  closeDropDowns();
}

on('click', '[data-menu]', (e, button) => {
  e.preventDefault();
  showMenu(button.getAttribute('aria-expanded') !== 'true');
});

document.addEventListener('click', (e) => closeDropDowns(e.target));
