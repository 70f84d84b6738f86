/* A page that has a code sent: another picture without a reload, and the seconds until another code may be asked for.
   Without this file the page works by its buttons. No words of any language: they stand on the page. */
(function () {
  'use strict';
  var d = document;

  function another(box, form) {
    var address = box.dataset.picture + '?picture_kind=' + form.elements.picture_kind.value;
    return fetch(address, {headers: {Accept: 'application/json'}, cache: 'no-store'}).then(function (answer) {
      if (!answer.ok) throw new Error(answer.status);
      return answer.json();
    }).then(function (fresh) {
      var image = box.querySelector('img'), question = box.querySelector('[data-question]'), field = form.elements.picture;
      form.elements.ticket.value = fresh.ticket;
      if (image && fresh.src) image.src = fresh.src;
      if (question) question.textContent = fresh.question;
      field.value = ''; field.focus();
    });
  }
  d.addEventListener('click', function (e) {
    var button = e.target.closest && e.target.closest('[data-another]');
    if (!button || !window.fetch || button.plain) return;
    e.preventDefault();
    another(button.closest('[data-picture]'), button.form).catch(function () { button.plain = true; button.click(); });
  });

  Array.prototype.forEach.call(d.querySelectorAll('[data-wait]'), function (button) {
    var ends = Date.now() + 1000 * Number(button.dataset.wait), words = button.textContent;
    function tick() {
      var left = Math.ceil((ends - Date.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.waiting.replace('{n}', left) : words;
      if (left > 0) setTimeout(tick, 250);
    }
    tick();
  });
}());
