/* Large type, high contrast: the server keeps them in a cookie; here they only come at once. */
import { on } from './dom.js';

const YEAR = 31536000;

on('click', '[data-pref]', (e, button) => {
  e.preventDefault();
  const root = document.documentElement;
  const name = button.dataset.pref;
  const value = root.dataset[name] === button.dataset.on ? '' : button.dataset.on;
  root.dataset[name] = value;
  button.setAttribute('aria-pressed', String(!!value));
  button.value = value ? '' : button.dataset.on;
  document.cookie = `ag_${name}=${value};path=/;max-age=${YEAR};SameSite=Lax`;
});
