/* What every behaviour needs to find its elements, to listen to them and to speak. */

export function find(selector, within) {
  return (within || document).querySelector(selector);
}

export function findAll(selector, within) {
  return Array.from((within || document).querySelectorAll(selector));
}

/** Listens on the document, so that elements which come later are heard as well. */
export function on(event, selector, act) {
  document.addEventListener(event, (e) => {
    const element = e.target.closest?.(selector);
    if (element) act(e, element);
  });
}

export function create(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

/** A sentence of the page with its blanks filled in. */
export function word(name, values) {
  let text = find('#words').dataset[name] || '';
  Object.keys(values || {}).forEach((key) => {
    text = text.replace(`{${key}}`, () => values[key]);
  });
  return text;
}

/** A sentence for three seconds. It is written after the element is there: only then is it read out. */
export function toast(text) {
  const box = create('div', { className: 'toast' });
  box.setAttribute('role', 'status');
  document.body.appendChild(box);
  setTimeout(() => {
    box.textContent = text;
  }, 30);
  setTimeout(() => box.remove(), 3200);
}
