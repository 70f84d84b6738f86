/* Tabs in one page (log-in, public lookup): all panels are open until the script shuts the others. */
import { find, findAll, on } from './dom.js';

function choose(tab) {
  findAll('[role=tab]', tab.parentNode).forEach((other) => {
    const panel = document.getElementById(other.getAttribute('aria-controls'));
    other.setAttribute('aria-selected', String(other === tab));
    other.tabIndex = other === tab ? 0 : -1;
    if (panel) panel.hidden = other !== tab;
  });
}

on('click', '[role=tab]', (_e, tab) => choose(tab));

on('keydown', '[role=tab]', (e, tab) => {
  const all = findAll('[role=tab]', tab.parentNode);
  const at = all.indexOf(tab);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[e.key];
  if (to === undefined) return;
  e.preventDefault();
  const next = all[(to + all.length) % all.length];
  choose(next);
  next.focus();
});

findAll('[role=tablist]').forEach((list) => {
  const tab = find('[role=tab][aria-selected=true]', list) || find('[role=tab]', list);
  if (tab) choose(tab);
});
