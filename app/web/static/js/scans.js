/* Scans: a data-scan button shows its file in .stage; beside what it was before, if it was corrected; beside the scan that
   was shown when "side by side" was pressed. How large and which way up: panes.js. */
import { create, find, findAll, on, word } from './dom.js';
import { prepare } from './panes.js';

const stage = find('[data-stage]');
let kept = null; // the scan on the left, while two are compared

function pane(address, kind, name, caption) {
  const isPdf = kind === 'pdf';
  const shown = create(isPdf ? 'iframe' : 'img', { src: address, title: isPdf ? name : '' });
  const figure = create('figure', { className: 'pane' });
  if (!isPdf) {
    shown.alt = name;
    figure.dataset.pane = '';
    figure.tabIndex = 0;
    figure.setAttribute('role', 'group');
    figure.setAttribute('aria-label', caption || name);
  }
  figure.append(shown);
  if (caption) figure.append(create('figcaption', { textContent: caption }));
  return figure;
}

function panesOf(button) {
  const { before, beforeKind, kind, name, scan } = button.dataset;
  if (!scan) return [create('p', { textContent: word('missing') })];
  if (kept && kept !== button) {
    const other = kept.dataset;
    return [pane(other.scan, other.kind, other.name, other.name), pane(scan, kind, name, name)];
  }
  if (!before) return [pane(scan, kind, name)];
  return [pane(before, beforeKind, name, stage.dataset.old), pane(scan, kind, name, stage.dataset.new)];
}

function show(button) {
  const panes = panesOf(button);
  findAll('[data-scan]').forEach((other) => other.setAttribute('aria-pressed', String(other === button)));
  stage.textContent = '';
  stage.classList.toggle('two', panes.length > 1);
  stage.append(...panes);
  find('[data-scan-name]').textContent = button.dataset.name;
  prepare(stage);
}

const current = () => find('[data-scan][aria-pressed="true"]');

on('click', '[data-scan]', (e, button) => {
  if (!stage) return;
  e.preventDefault();
  show(button);
});

on('click', '[data-beside]', (_e, toggle) => {
  const left = current();
  kept = kept || !left || !left.dataset.scan ? null : left;
  toggle.setAttribute('aria-pressed', String(!!kept));
  const others = findAll('[data-scan]').filter((other) => other.dataset.scan && other !== kept);
  show(kept ? others[0] || left : left);
});

if (stage) prepare(stage);
