/* The code on the sign-in page: asks every two seconds how it stands, and goes on by itself once it is confirmed.
   Without this file the page works by its two buttons. No words of any language: they are on the page, hidden. */

const PAUSE = 2000;
const WITH_THE_PLATFORM = 5; // every so many times the platform is asked, too: not every platform can reach this server

function watch(box) {
  const form = box.querySelector('[data-finish]');
  const clock = box.querySelector('[data-clock]');
  let ends = Date.now() + 1000 * Number(box.dataset.left);
  let isOver = false;
  let turn = 0;

  const showSeconds = () => {
    clock.querySelector('[data-seconds]').textContent = Math.max(0, Math.ceil((ends - Date.now()) / 1000));
  };

  const showState = (state) => {
    box.dataset.was = state;
    box.querySelectorAll('[data-state]').forEach((word) => {
      word.hidden = word.dataset.state !== state;
    });
  };

  const ask = (address, method) => {
    const headers = { Accept: 'application/json' };
    if (method === 'POST') headers['X-CSRFToken'] = form.elements.csrf_token.value;
    return fetch(address, { method, headers, cache: 'no-store' });
  };

  const hear = ({ seconds, state }) => {
    ends = Date.now() + 1000 * seconds;
    showSeconds();
    isOver = state !== 'waiting' && state !== 'scanned';
    if (!isOver) showState(state);
    else if (state === 'confirmed') {
      showState(state);
      form.requestSubmit();
    } else location.reload(); // the page says why
  };

  const poll = async () => {
    if (isOver) return;
    turn += 1;
    try {
      const answer = await (turn % WITH_THE_PLATFORM ? ask(box.dataset.ticket, 'GET') : ask(box.dataset.ask, 'POST'));
      if (answer.status === 404) {
        isOver = true;
        location.reload();
      }
      if (answer.ok) hear(await answer.json());
    } catch {
      // asked again after the pause
    }
    setTimeout(poll, PAUSE);
  };

  clock.hidden = false;
  showSeconds();
  setInterval(showSeconds, 1000);
  setTimeout(poll, box.dataset.was === 'confirmed' ? 0 : PAUSE);
}

document.querySelectorAll('[data-ticket]').forEach(watch);
