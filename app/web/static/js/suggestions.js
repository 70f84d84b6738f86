/* Usual reasons beside a text field: pressed, one is added to the text as a line of its own; pressed again, it goes.
   Its first blank 【…】 is selected, to be written over. */
import { on } from './dom.js';

function selectBlank(field, from) {
  const start = field.value.indexOf('【', from);
  if (start < 0) return;
  field.focus();
  field.setSelectionRange(start, field.value.indexOf('】', start) + 1);
}

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
    const end = field.value.length;
    field.value += (field.value && field.value.slice(-1) !== '\n' ? '\n' : '') + sentence;
    selectBlank(field, end);
  }
  button.setAttribute('aria-pressed', String(!isIn));
  field.removeAttribute('aria-invalid');
  field.dispatchEvent(new Event('input', { bubbles: true }));
});
