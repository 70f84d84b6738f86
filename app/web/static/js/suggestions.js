/* Usual reasons beside a text field: pressed, one is added to the text as a line of its own; pressed again, it goes. */
import { on } from './dom.js';

on('click', '[data-fill]', (_e, button) => {
  const field = document.getElementById(button.dataset.fill);
  const sentence = button.textContent;
  const isIn = button.getAttribute('aria-pressed') === 'true';
  if (isIn) {
    field.value = field.value
      .split('\n')
      .filter((line) => line !== sentence)
      .join('\n');
  } else {
    field.value += (field.value && field.value.slice(-1) !== '\n' ? '\n' : '') + sentence;
  }
  button.setAttribute('aria-pressed', String(!isIn));
  field.removeAttribute('aria-invalid');
  field.dispatchEvent(new Event('input', { bubbles: true }));
});
