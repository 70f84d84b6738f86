/* Buttons for what browsers do by themselves. */
import { on } from './dom.js';

on('click', '[data-back]', (e) => {
  if (history.length < 2) return;
  e.preventDefault();
  history.back();
});

on('click', '[data-print]', () => window.print());
