/* Scans: data-scan buttons show their file in .stage, beside what it was before if it was corrected; data-zoom, data-rot
   turn it. */
import { create, find, findAll, on, word } from './dom.js';

let zoom = 1;
let turn = 0;

function transform() {
  findAll('.stage img').forEach((image) => {
    image.style.transform = `scale(${zoom}) rotate(${turn}deg)`;
  });
}

function picture(address, kind, name, caption) {
  const shown = create(kind === 'pdf' ? 'iframe' : 'img', { src: address, title: name });
  if (kind !== 'pdf') shown.alt = name;
  if (!caption) return shown;
  const figure = create('figure');
  figure.append(shown, create('figcaption', { textContent: caption }));
  return figure;
}

on('click', '[data-scan]', (e, button) => {
  const stage = find('.stage');
  if (!stage) return;
  e.preventDefault();
  const { before, beforeKind, kind, name, scan } = button.dataset;
  findAll('[data-scan]').forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
  zoom = 1;
  turn = 0;
  stage.textContent = '';
  stage.classList.toggle('two', !!before);
  if (before) stage.appendChild(picture(before, beforeKind, name, stage.dataset.old));
  if (scan) stage.appendChild(picture(scan, kind, name, before && stage.dataset.new));
  else stage.appendChild(create('p', { textContent: word('missing') }));
  const title = find('[data-scan-name]');
  if (title) title.textContent = name;
});

on('click', '[data-zoom]', (_e, button) => {
  zoom = Math.min(4, Math.max(0.5, zoom + Number(button.dataset.zoom)));
  transform();
});

on('click', '[data-rot]', () => {
  turn += 90;
  transform();
});
