/* Forms: no double submit, and a warning before typed words are lost. */
import { findAll, on } from './dom.js';

const DOWNLOADED = 8000; // after this long a form may be sent again: a download leaves the page as it is
let isDirty = false;

const markDirty = () => {
  isDirty = true;
};
on('input', '[data-dirty]', markDirty);
on('change', '[data-dirty]', markDirty);

on('submit', 'form', (e, form) => {
  if (form.method === 'dialog') return;
  if (form.dataset.sent) {
    e.preventDefault();
    return;
  }
  isDirty = false;
  if (form.method !== 'post') return;
  form.dataset.sent = '1';
  // Later: a button that is disabled at once would not be sent.
  setTimeout(() => findAll('[data-once]', form).forEach((button) => button.setAttribute('aria-disabled', 'true')), 0);
  setTimeout(() => delete form.dataset.sent, DOWNLOADED);
});

window.addEventListener('pageshow', () => {
  findAll('form[data-sent]').forEach((form) => delete form.dataset.sent);
  findAll('[data-once]').forEach((button) => button.removeAttribute('aria-disabled'));
});

window.addEventListener('beforeunload', (e) => {
  if (!isDirty) return;
  e.preventDefault();
  e.returnValue = '';
});
