/* Confirmation, and a reason where one is due; the reason is sent as a normal field of the form. */
import { create, find, findAll, on, toast, word } from './dom.js';
import { selected } from './selection.js';

const confirmed = new WeakSet(); // buttons that were asked about already: their next press counts

function showReasons(box, reasons) {
  box.textContent = '';
  reasons.forEach((reason) => {
    const button = create('button', { type: 'button', textContent: reason });
    button.dataset.fill = 'dlg-reason';
    button.setAttribute('aria-pressed', 'false');
    box.appendChild(button);
  });
}

function putReason(form, reason) {
  let field = find('input[name=reason][type=hidden]', form);
  if (!field) {
    field = create('input', { type: 'hidden', name: 'reason' });
    form.appendChild(field);
  }
  field.value = reason;
}

const selects = (button) =>
  findAll('[name=rowid]:checked', button.form)
    .map((box) => find(`[name="${button.dataset.tally}${box.value}"]`, button.form))
    .filter(Boolean);

/* How many of the ticked rows have which choice: the name of a row's select is data-tally and the row's id. */
function tally(button) {
  const counts = new Map();
  selects(button).forEach((select) => {
    const choice = select.selectedOptions?.[0].textContent.trim() ?? select.dataset.label;
    counts.set(choice, (counts.get(choice) || 0) + 1);
  });
  return Array.from(counts, ([choice, n]) => `${choice} × ${n}`).join('\n');
}

function fill(dialog, button, reasons, title) {
  const isGrave = !!reasons || button.classList.contains('danger') || button.classList.contains('btn-danger');
  const text = find('textarea', dialog);
  const ok = find('[data-ok]', dialog);
  find('h2', dialog).textContent = title;
  find('[data-text]', dialog).textContent = [button.dataset.confirm, button.dataset.tally && tally(button)]
    .filter(Boolean)
    .join('\n\n');
  find('[data-reason]', dialog).hidden = !reasons;
  find('[data-err]', dialog).hidden = true;
  text.value = '';
  text.removeAttribute('aria-invalid');
  ok.textContent = word('sure', { verb: button.dataset.verb || button.textContent });
  ok.className = `btn ${isGrave ? 'btn-danger solid' : 'btn-primary'}`;
  showReasons(find('[data-chips]', dialog), reasons || []);
}

function ask(dialog, button, reasons, title) {
  const text = find('textarea', dialog);
  const ok = find('[data-ok]', dialog);
  fill(dialog, button, reasons, title);
  ok.onclick = (e) => {
    if (!reasons || text.value.trim()) return;
    e.preventDefault();
    find('[data-err]', dialog).hidden = false;
    text.setAttribute('aria-invalid', 'true');
    text.focus();
  };
  dialog.onclose = () => {
    if (dialog.returnValue !== 'ok') {
      button.focus();
      return;
    }
    if (reasons) putReason(button.form, text.value.trim());
    confirmed.add(button);
    button.click();
  };
  dialog.returnValue = '';
  dialog.showModal();
  (reasons ? text : ok).focus();
}

on('click', 'button[data-confirm], button[data-reasons], button[data-batch]', (e, button) => {
  if (confirmed.delete(button)) return;
  const isBatch = button.hasAttribute('data-batch');
  const n = isBatch ? selected(button.form) : 1;
  if (!n) {
    e.preventDefault();
    toast(word('none'));
    return;
  }
  const missing = button.dataset.tally ? selects(button).filter((select) => !select.value) : [];
  missing.forEach((select) => select.setAttribute('aria-invalid', 'true'));
  if (missing.length) {
    e.preventDefault();
    missing[0].focus();
    toast(word('choose'));
    return;
  }
  if (!button.dataset.confirm && !button.dataset.reasons) return;
  const dialog = find('#dlg-confirm');
  if (!dialog || !dialog.showModal) return; // a browser without dialogs asks nothing; the server still checks
  e.preventDefault();
  const verb = button.dataset.verb || button.textContent;
  const reasons = button.dataset.reasons ? JSON.parse(button.dataset.reasons) : null;
  ask(dialog, button, reasons, isBatch ? word('batch', { verb, n }) : verb);
});
