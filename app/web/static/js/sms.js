/* A page that has a code sent: another picture without a reload, and the seconds until another code may be asked for.
   Without this file the page works by its buttons. No words of any language: they are on the page. */

async function fetchPicture(box, form) {
  const address = `${box.dataset.picture}?picture_kind=${form.elements.picture_kind.value}`;
  const answer = await fetch(address, { headers: { Accept: 'application/json' }, cache: 'no-store' });
  if (!answer.ok) throw new Error(answer.status);
  return answer.json();
}

async function showAnother(box, form) {
  const fresh = await fetchPicture(box, form);
  const image = box.querySelector('img');
  const question = box.querySelector('[data-question]');
  const field = form.elements.picture;
  form.elements.ticket.value = fresh.ticket;
  if (image && fresh.src) image.src = fresh.src;
  if (question) question.textContent = fresh.question;
  field.value = '';
  field.focus();
}

const failed = new WeakSet(); // buttons that send their form from now on

document.addEventListener('click', async (e) => {
  const button = e.target.closest?.('[data-another]');
  if (!button || failed.has(button)) return;
  e.preventDefault();
  try {
    await showAnother(button.closest('[data-picture]'), button.form);
  } catch {
    failed.add(button);
    button.click();
  }
});

function countDown(button) {
  const ends = Date.now() + 1000 * Number(button.dataset.wait);
  const label = button.textContent;
  const tick = () => {
    const left = Math.ceil((ends - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.waiting.replace('{n}', left) : label;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}

document.querySelectorAll('[data-wait]').forEach(countDown);
