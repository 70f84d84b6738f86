/* A file that was chosen or dragged here is shown before it is sent; more than can be sent at once is not sent at all. */
import { create, find, findAll, on } from './dom.js';

function showFile(card, file) {
  const kilobytes = Math.max(1, Math.round(file.size / 1024));
  card.classList.add('has');
  find('[data-note]', card).textContent = `${file.name} · ${kilobytes} KB · ${card.dataset.later}`;
  if (!/^image\/(jpeg|png|gif|webp)$/.test(file.type)) return;
  find('.thumb', card).replaceWith(create('img', { className: 'thumb', alt: '', src: URL.createObjectURL(file) }));
}

/* A file that the server would not take is not sent: a body that is too large would lose the whole form. */
function tooLarge(card, input) {
  const note = find('[data-note]', card);
  const isOver = input.files[0].size > Number(card.dataset.most);
  note.classList.toggle('err', isOver);
  note.setAttribute('role', isOver ? 'alert' : 'status');
  if (isOver) {
    note.textContent = `${input.files[0].name} · ${card.dataset.over}`;
    input.value = '';
  }
  return isOver;
}

on('change', '[data-up] input[type=file]', (_e, input) => {
  const card = input.closest('[data-up]');
  if (input.files[0] && !tooLarge(card, input)) showFile(card, input.files[0]);
});

['dragover', 'dragleave', 'drop'].forEach((event) => {
  on(event, '[data-up]', (e, card) => {
    e.preventDefault();
    card.classList.toggle('drag', event === 'dragover');
    if (event !== 'drop' || !e.dataTransfer.files.length) return;
    const input = find('input[type=file]', card);
    input.files = e.dataTransfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  });
});

/* Before the others hear of it: a form that stays here was not sent. */
document.addEventListener(
  'submit',
  (e) => {
    const hint = find('[data-sum]', e.target);
    if (!hint) return;
    const chosen = findAll('input[type=file]', e.target).flatMap((input) => Array.from(input.files));
    const sum = chosen.reduce((total, file) => total + file.size, 0);
    if (sum <= Number(hint.dataset.sum)) return;
    e.preventDefault();
    e.stopPropagation();
    hint.className = 'err';
    hint.textContent = hint.dataset.over.replace('{n}', () => (sum / 1024 / 1024).toFixed(1));
    hint.tabIndex = -1;
    hint.focus();
  },
  true,
);
