/* A file that was chosen or dragged here is shown before it is sent. */
import { create, find, on } from './dom.js';

function showFile(card, file) {
  const kilobytes = Math.max(1, Math.round(file.size / 1024));
  card.classList.add('has');
  find('[data-note]', card).textContent = `${file.name} · ${kilobytes} KB · ${card.dataset.later}`;
  if (!/^image\/(jpeg|png|gif|webp)$/.test(file.type)) return;
  find('.thumb', card).replaceWith(create('img', { className: 'thumb', alt: '', src: URL.createObjectURL(file) }));
}

on('change', '[data-up] input[type=file]', (_e, input) => {
  if (input.files[0]) showFile(input.closest('[data-up]'), input.files[0]);
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
