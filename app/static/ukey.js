/* Asks a UKey for a signature: finds the keys, asks for the PIN, has the server's words signed, and hands the answer in as an
   ordinary form. The PIN goes to the agent only. No words of any language: they come from the page. */
(function () {
  'use strict';
  var d = document, box = d.getElementById('ukey');
  if (!box) return;
  var form = box.querySelector('form[data-ukey-form]'), says = box.querySelector('[data-ukey-says]');
  var dialog = d.getElementById('ukey-pin'), pin = dialog.querySelector('[name=pin]'), list = dialog.querySelector('[data-keys]');
  var wrong = dialog.querySelector('[data-ukey-wrong]'), ok = dialog.querySelector('[data-ok]'), opener = null;

  function word(error, tries) {
    var text = box.dataset[error.replace(/-(.)/g, function (m, c) { return c.toUpperCase(); })] || box.dataset.badRequest;
    return text.replace('{n}', tries);
  }
  function say(text) { says.querySelector('div').textContent = text; says.hidden = !text; }
  function complain(text) {
    wrong.textContent = text; wrong.hidden = !text;
    if (text) pin.setAttribute('aria-invalid', 'true'); else pin.removeAttribute('aria-invalid');
  }
  function busy(on) {
    box.querySelectorAll('[data-ukey-start]').forEach(function (b) { b.setAttribute('aria-disabled', String(on)); });
    ok.setAttribute('aria-disabled', String(on));
    dialog.querySelector('form').setAttribute('aria-busy', String(on));
  }
  function idle() { return ok.getAttribute('aria-disabled') !== 'true'; }

  /* One key stands there by its name; of several one is chosen. */
  function show(keys) {
    list.textContent = '';
    keys.forEach(function (key, n) {
      var row = d.createElement('label'), mark = d.createElement('input'), who = d.createElement('span'), more = d.createElement('small');
      mark.type = 'radio'; mark.name = 'key'; mark.value = key.id; mark.checked = !n; mark.hidden = keys.length === 1;
      who.textContent = key.holder; more.textContent = key.issuer + ' · ' + box.dataset.until.replace('{day}', key.until);
      row.className = 'ukey-key'; row.append(mark, who, more); list.appendChild(row);
    });
    pin.value = ''; complain(keys.length === 1 && keys[0].tries === 0 ? word('locked') : '');
    dialog.showModal(); pin.focus();
  }

  box.addEventListener('click', function (e) {
    var b = e.target.closest('[data-ukey-start]');
    if (!b || !idle()) return;
    e.preventDefault();
    if (form.querySelector('[required]') && !form.reportValidity()) return;
    opener = b; say(''); busy(true);
    window.UKeyAgent.list(box.dataset.agent).then(function (keys) {
      busy(false);
      if (keys.length) show(keys); else say(word('no-key'));
    }).catch(function (no) { busy(false); say(word(no.error || 'no-agent')); });
  });

  function started() {
    var token = form.querySelector('[name=csrf_token]'), headers = token ? {'X-CSRFToken': token.value} : {};
    return fetch(box.dataset.start, {method: 'POST', headers: headers, credentials: 'same-origin'}).then(function (answer) {
      return answer.json().catch(function () { return {}; }).then(function (said) {
        if (!answer.ok) throw {sentence: said.sentence || box.dataset.reload};
        return said;
      });
    });
  }
  function put(name, value) {
    var field = d.createElement('input');
    field.type = 'hidden'; field.name = name; field.value = value; form.appendChild(field);
  }
  dialog.querySelector('form').addEventListener('submit', function (e) {
    if (e.submitter && e.submitter.value === 'cancel') return;
    e.preventDefault();
    if (!idle()) return;
    if (!pin.value) { complain(box.dataset.empty); pin.focus(); return; }
    var key = list.querySelector('[name=key]:checked').value, secret = pin.value, number;
    pin.value = ''; complain(''); busy(true);
    started().then(function (given) {
      number = given.number;
      return window.UKeyAgent.sign(box.dataset.agent, {id: key, words: given.words, pin: secret});
    }).then(function (signed) {
      put('number', number); put('signature', signed.signature);
      (signed.chain || []).forEach(function (one) { put('chain', one); });
      form.submit();
    }).catch(function (no) {
      busy(false);
      complain(no.sentence || word(no.error || 'no-agent', no.tries));
      pin.focus();
    });
  });
  dialog.addEventListener('close', function () { pin.value = ''; busy(false); if (opener) opener.focus(); });
})();
