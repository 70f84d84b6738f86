/* Work in the background: asked after with growing pauses; when nothing waits any more, the page is opened anew. */
import { find, findAll } from './dom.js';

const SLOWEST = 10000;
const SLOWEST_AFTER_FAULTS = 30000;

async function asked(address) {
  const answer = await fetch(address, { credentials: 'same-origin', headers: { Accept: 'application/json' } });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

function show(box, progress) {
  const meter = find('progress', box);
  const text = find('[data-poll-text]');
  if (meter) {
    meter.max = progress.total;
    meter.value = progress.done;
  }
  if (text) text.textContent = progress.sentence;
}

async function look(box, pause) {
  if (document.hidden) {
    lookLater(box, pause);
    return;
  }
  try {
    const progress = await asked(box.dataset.poll);
    if (!progress.waiting) {
      location.reload();
      return;
    }
    show(box, progress);
    lookLater(box, Math.min(pause * 1.3, SLOWEST));
  } catch {
    lookLater(box, Math.min(pause * 2, SLOWEST_AFTER_FAULTS));
  }
}

function lookLater(box, pause) {
  setTimeout(() => look(box, pause), pause);
}

findAll('[data-poll]').forEach((box) => lookLater(box, 1000));
