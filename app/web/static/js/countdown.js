/* A button that may be pressed again after some seconds. */
import { findAll, word } from './dom.js';

function count(button, label, left) {
  button.disabled = left > 0;
  button.textContent = left > 0 ? word('again', { n: left }) : label;
  if (left > 0) setTimeout(() => count(button, label, left - 1), 1000);
}

findAll('[data-countdown]').forEach((button) => {
  const seconds = Number(button.dataset.countdown);
  if (seconds) count(button, button.textContent, seconds);
});
