/* Forms: no double submit, and a warning before typed words are lost. */
import { find, findAll, on } from './dom.js';

const DOWNLOADED = 8000; // after this long the same may be sent again: a download leaves the page as it is
// A form that came back with what was typed is not saved yet.
let isDirty = !!find('[data-dirty] .err-sum, [data-restored]');

const markDirty = () => {
  isDirty = true;
};
on('input', '[data-dirty]', markDirty);
on('change', '[data-dirty]', markDirty);

on('submit', 'form', (e, form) => {
  if (form.method === 'dialog') return;
  // A download changes nothing and leaves the page: only its own button waits, not the others of the form.
  const isDownload = e.submitter?.hasAttribute('data-download');
  const sent = isDownload ? e.submitter : form;
  if (form.dataset.sent || sent.dataset.sent) {
    e.preventDefault();
    return;
  }
  isDirty = false;
  if (form.method !== 'post') return;
  sent.dataset.sent = '1';
  setTimeout(() => delete sent.dataset.sent, DOWNLOADED);
  if (isDownload) return;
  // Later: a button that is disabled at once would not be sent.
  setTimeout(() => findAll('[data-once]', form).forEach((button) => button.setAttribute('aria-disabled', 'true')), 0);
});

const revealing = (choices) => find(`[data-reveal="${choices.dataset.reveals}"]`, choices.closest('form'));

/* A choice that decides which fields follow shows them at once; files that were chosen are sent along and put aside. */
on('change', '[data-reveals]', (_e, choices) => {
  const button = revealing(choices);
  if (button) choices.closest('form').requestSubmit(button);
});
findAll('[data-reveals]').forEach((choices) => {
  const button = revealing(choices);
  if (button) button.hidden = true;
});

window.addEventListener('pageshow', () => {
  findAll('[data-sent]').forEach((sent) => delete sent.dataset.sent);
  findAll('[data-once]').forEach((button) => button.removeAttribute('aria-disabled'));
});

window.addEventListener('beforeunload', (e) => {
  if (!isDirty) return;
  e.preventDefault();
  e.returnValue = '';
});
