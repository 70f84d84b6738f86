/* The code on the sign-in page: asks every two seconds how it stands, and goes on by itself once it is confirmed.
   Without this file the page works by its two buttons. No words of any language: they stand on the page, hidden. */
(function () {
  'use strict';
  var box = document.querySelector('[data-ticket]');
  if (!box || !window.fetch) return;
  var form = box.querySelector('[data-finish]'), clock = box.querySelector('[data-clock]'), shown = clock.querySelector('[data-seconds]');
  var ends = Date.now() + 1000 * Number(box.dataset.left), turn = 0, over = false;

  function show(state) {
    box.dataset.was = state;
    box.querySelectorAll('[data-state]').forEach(function (word) { word.hidden = word.dataset.state !== state; });
  }
  function tick() { shown.textContent = Math.max(0, Math.ceil((ends - Date.now()) / 1000)); }
  function asked(address, method) {
    var headers = {Accept: 'application/json'};
    if (method === 'POST') headers['X-CSRFToken'] = form.elements.csrf_token.value;
    return fetch(address, {method: method, headers: headers, cache: 'no-store'});
  }
  function heard(told) {
    ends = Date.now() + 1000 * told.seconds; tick();
    if (told.state === 'confirmed') { over = true; show(told.state); form.requestSubmit ? form.requestSubmit() : form.submit(); return; }
    if (told.state !== 'waiting' && told.state !== 'scanned') { over = true; location.reload(); return; } // the page says why
    show(told.state);
  }
  function poll() {
    if (over) return;
    turn += 1;
    // Every fifth time the house asks the platform, too: not every platform can reach the house.
    asked(turn % 5 ? box.dataset.ticket : box.dataset.ask, turn % 5 ? 'GET' : 'POST').then(function (answer) {
      if (answer.status === 404) { over = true; location.reload(); }
      if (answer.ok) return answer.json().then(heard);
    }).catch(function () {}).then(function () { setTimeout(poll, 2000); });
  }
  clock.hidden = false; tick(); setInterval(tick, 1000);
  setTimeout(poll, box.dataset.was === 'confirmed' ? 0 : 2000);
}());
