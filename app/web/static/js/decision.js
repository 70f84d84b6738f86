/* The form of a decision: what belongs to a refusal (data-neg) and to an approval (data-pos) is shown by what is chosen. */
import { findAll, on } from './dom.js';

export const isAgainst = (choice) => choice.hasAttribute('data-against') || choice.value === 'no';

export function showDecision(choice) {
  const against = isAgainst(choice);
  findAll('[data-neg]', choice.form).forEach((part) => {
    const isOfAnother = !!part.dataset.neg && part.dataset.neg !== choice.value;
    part.hidden = !against || isOfAnother;
  });
  findAll('[data-pos]', choice.form).forEach((part) => {
    part.hidden = against;
  });
}

on('change', '[name=decision]', (_e, choice) => showDecision(choice));

/* Before anything is chosen, what belongs to a refusal is not shown. */
findAll('[name=decision]').forEach((choice) => {
  findAll('[data-neg]', choice.form).forEach((part) => {
    part.hidden = true;
  });
});
findAll('[name=decision]:checked').forEach(showDecision);
