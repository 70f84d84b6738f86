/* The pictures of a stage: as large as wanted and the right way up. Each pane scrolls; its picture stands in a box of the size
   that is seen, so every corner can be reached, turned or not. */
import { create, find, findAll, on } from './dom.js';

const LEAST = 0.05;
const MOST = 8;
const FILLS_UP_TO = 2; // a small picture is not blown up further by itself
const TURNS = 'ag_turns'; // which way up each scan was turned, for as long as the window is open

const views = new WeakMap(); // pane → { picture, box, fit, scale, turn }
let active = null; // the pane that the tools and keys act on

function turns() {
  try {
    return JSON.parse(sessionStorage.getItem(TURNS)) || {};
  } catch {
    return {}; // a private window keeps nothing
  }
}

function remember(picture, turn) {
  try {
    sessionStorage.setItem(TURNS, JSON.stringify(Object.assign(turns(), { [picture.src]: turn })));
  } catch {
    // the scan is turned for now only
  }
}

function seenSize({ picture, turn }) {
  const size = [picture.naturalWidth || 1, picture.naturalHeight || 1];
  return turn % 180 ? size.reverse() : size;
}

function scaleThatFits(pane, view) {
  const [width, height] = seenSize(view);
  const caption = find('figcaption', pane);
  const free = pane.clientHeight - (caption ? caption.offsetHeight : 0);
  const byWidth = pane.clientWidth / width;
  if (view.fit === 'natural') return 1;
  return Math.min(FILLS_UP_TO, view.fit === 'width' ? byWidth : Math.min(byWidth, free / height));
}

function draw(pane) {
  const view = views.get(pane);
  if (view.fit) view.scale = scaleThatFits(pane, view);
  const { box, picture, scale, turn } = view;
  const [width, height] = seenSize(view);
  box.style.width = `${Math.floor(width * scale)}px`;
  box.style.height = `${Math.floor(height * scale)}px`;
  picture.style.width = `${Math.floor(picture.naturalWidth * scale)}px`;
  picture.style.transform = `translate(-50%, -50%) rotate(${turn}deg)`;
  if (pane === active) showScale();
}

function showScale() {
  const view = active && views.get(active);
  find('[data-scale]').textContent = view ? `${Math.round(view.scale * 100)}%` : '';
}

/** Larger or smaller; what is under the point (of the window; else the middle of the pane) stays there. */
function zoom(pane, factor, point) {
  const view = views.get(pane);
  const area = pane.getBoundingClientRect();
  const at = point || { x: area.left + pane.clientWidth / 2, y: area.top + pane.clientHeight / 2 };
  const before = view.box.getBoundingClientRect();
  const share = { x: (at.x - before.left) / before.width, y: (at.y - before.top) / before.height };
  view.fit = '';
  view.scale = Math.min(MOST, Math.max(LEAST, view.scale * factor));
  draw(pane);
  const after = view.box.getBoundingClientRect();
  pane.scrollLeft += after.left + share.x * after.width - at.x;
  pane.scrollTop += after.top + share.y * after.height - at.y;
}

function activate(pane) {
  active = pane;
  showScale();
}

function set(pane, picture) {
  const box = create('div', { className: 'box' });
  picture.replaceWith(box);
  box.append(picture);
  views.set(pane, { picture, box, fit: 'whole', scale: 1, turn: turns()[picture.src] || 0 });
  pane.classList.add('set');
  if (picture.complete) draw(pane);
  else picture.addEventListener('load', () => draw(pane), { once: true });
}

/** Takes over the pictures that were just put on the stage. */
export function prepare(stage) {
  const panes = findAll('[data-pane]', stage);
  panes.forEach((pane) => set(pane, find('img', pane)));
  activate(panes[panes.length - 1] || null);
  const tools = find('[data-tools]');
  tools.hidden = false;
  findAll('[data-zoom], [data-fit], [data-turn]', tools).forEach((tool) => {
    tool.disabled = !panes.length;
  });
}

const panesShown = () => findAll('[data-pane]').filter((pane) => views.has(pane));

on('click', '.viewer [data-zoom]', (_e, button) => zoom(active, Number(button.dataset.zoom)));

on('click', '[data-fit]', (_e, button) => {
  views.get(active).fit = button.dataset.fit;
  draw(active);
});

on('click', '[data-turn]', () => {
  const view = views.get(active);
  view.turn = (view.turn + 90) % 360;
  remember(view.picture, view.turn);
  draw(active);
});

on('click', '[data-full]', (_e, button) => {
  if (document.fullscreenElement) document.exitFullscreen();
  else button.closest('.viewer').requestFullscreen();
});

/* Wheel: around the pointer, once the pane was clicked (else the page scrolls), or with Ctrl, as a trackpad's pinch sends it. */
document.addEventListener(
  'wheel',
  (e) => {
    const pane = e.target.closest('[data-pane]');
    if (!pane || !views.has(pane)) return;
    if (!e.ctrlKey && !document.fullscreenElement && document.activeElement !== pane) return;
    e.preventDefault();
    activate(pane);
    zoom(pane, 1.0015 ** -e.deltaY, { x: e.clientX, y: e.clientY });
  },
  { passive: false },
);

/* Dragging with the mouse; a finger scrolls by itself. */
on('pointerdown', '[data-pane]', (e, pane) => {
  activate(views.has(pane) ? pane : null);
  if (e.pointerType !== 'mouse' || e.button !== 0 || !active) return;
  let { clientX, clientY } = e;
  const move = (to) => {
    pane.scrollLeft += clientX - to.clientX;
    pane.scrollTop += clientY - to.clientY;
    ({ clientX, clientY } = to);
  };
  const end = () => {
    pane.removeEventListener('pointermove', move);
    pane.classList.remove('held');
  };
  pane.setPointerCapture(e.pointerId);
  pane.classList.add('held');
  pane.addEventListener('pointermove', move);
  pane.addEventListener('pointerup', end, { once: true });
  pane.addEventListener('pointercancel', end, { once: true });
});

on('dragstart', '[data-pane] img', (e) => e.preventDefault());

on('focusin', '[data-pane]', (_e, pane) => views.has(pane) && activate(pane));

/* Two fingers. */
let spread = 0;

function fingers(e) {
  const [a, b] = e.touches;
  return {
    apart: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY),
    middle: { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2 },
  };
}

on('touchstart', '[data-pane]', (e) => {
  spread = e.touches.length === 2 ? fingers(e).apart : 0;
});

document.addEventListener(
  'touchmove',
  (e) => {
    const pane = e.target.closest('[data-pane]');
    if (!pane || !views.has(pane) || !spread || e.touches.length !== 2) return;
    e.preventDefault();
    const { apart, middle } = fingers(e);
    zoom(pane, apart / spread, middle);
    spread = apart;
  },
  { passive: false },
);

const fitAgain = () => panesShown().forEach(draw);
window.addEventListener('resize', fitAgain);
document.addEventListener('fullscreenchange', fitAgain);
