/* The query above a list: further boxes are folded away, and empty ones do not reach the address. */
import { findAll, on, word } from './dom.js';

on('click', '[data-more]', (_e, button) => {
  const open = button.closest('form').classList.toggle('open');
  button.setAttribute('aria-expanded', String(open));
  button.textContent = word(open ? 'less' : 'more');
});

on('submit', '[data-query]', (_e, form) => {
  findAll('input,select', form).forEach((box) => {
    if (!box.value) box.disabled = true;
  });
});

// A browser that goes back may show the page as it was left.
window.addEventListener('pageshow', () => {
  findAll('[data-query] :disabled').forEach((box) => {
    box.disabled = false;
  });
});
