/* Colours, type size, contrast: the server keeps them in a cookie; here they only come at once. */
import { findAll, on } from './dom.js';

const YEAR = 31536000;

on('click', '[data-pref]', (e, button) => {
  e.preventDefault();
  const name = button.dataset.pref;
  document.documentElement.dataset[name] = button.value;
  findAll(`[data-pref="${name}"]`).forEach((one) =>
    one.setAttribute('aria-pressed', String(one.value === button.value)),
  );
  document.cookie = `ag_${name}=${button.value};path=/;max-age=${YEAR};SameSite=Lax`;
});
