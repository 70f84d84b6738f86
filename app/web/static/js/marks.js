/* Marks for correction: a tick opens its line, and the notice is put together as it will be sent (corrections.notice). */
import { showDecision } from './decision.js';
import { find, findAll, on } from './dom.js';

/** The reasons of one line, without the full stops at their ends. */
function reasonsIn(text) {
  return text
    .split('\n')
    .map((line) => line.trim().replace(/[。.；;]+$/, ''))
    .filter(Boolean);
}

function isMarked(item) {
  return findAll('[data-mark]').some((mark) => mark.checked && mark.value === item);
}

function showNotice() {
  const box = find('[data-marks]');
  if (!box) return;
  const lines = [];
  findAll('[data-line]', box).forEach((line) => {
    const marked = isMarked(line.dataset.line);
    const text = find('textarea', line);
    line.hidden = !marked;
    text.disabled = !marked;
    if (!marked) return;
    const label = find('[data-label]', line).textContent;
    lines.push(`${lines.length + 1}. ${label}${box.dataset.colon}${reasonsIn(text.value).join(box.dataset.join)}`);
  });
  find('[data-none]', box).hidden = lines.length > 0;
  const remark = find('#reason').value.trim();
  const notice = find('[data-notice]');
  notice.textContent = lines.concat(remark || []).join('\n');
  notice.parentNode.toggleAttribute('data-empty', !notice.textContent);
}

on('change', '[data-mark]', (_e, mark) => {
  const giveBack = find('[name=decision][value=return]');
  // The same item may be marked beside its scan and beside its field.
  findAll('[data-mark]').forEach((other) => {
    if (other.value === mark.value) other.checked = mark.checked;
  });
  if (mark.checked && !giveBack.checked) {
    giveBack.checked = true;
    showDecision(giveBack);
  }
  showNotice();
  if (mark.checked) find(`[data-line="${mark.value}"]`).scrollIntoView({ block: 'nearest' });
});

on('click', '[data-unmark]', (_e, button) => {
  findAll('[data-mark]').forEach((mark) => {
    if (mark.value === button.dataset.unmark) mark.checked = false;
  });
  showNotice();
});

on('input', '#decide', showNotice);

showNotice();
