/* Behaviour of every page. All of them work without this file; it adds confirmation, selection counts, previews and keys.
   No inline handlers, so "script-src 'self'" holds; no words of any language: they come from <template id="words">. */
(function () {
  'use strict';
  var d = document, root = d.documentElement;
  root.classList.add('js'); // at once, so that what folds is folded before it is seen

  function $(s, c) { return (c || d).querySelector(s); }
  function $$(s, c) { return Array.prototype.slice.call((c || d).querySelectorAll(s)); }
  function on(event, selector, act) {
    d.addEventListener(event, function (e) { var t = e.target.closest && e.target.closest(selector); if (t) act(e, t); });
  }
  function word(name, values) {
    var text = $('#words').dataset[name] || '';
    Object.keys(values || {}).forEach(function (k) { text = text.replace('{' + k + '}', values[k]); });
    return text;
  }
  function toast(text) {
    var t = d.createElement('div');
    t.className = 'toast'; t.setAttribute('role', 'status'); d.body.appendChild(t);
    setTimeout(function () { t.textContent = text; }, 30);
    setTimeout(function () { t.remove(); }, 3200);
  }

  /* Large type, high contrast: the server keeps them in a cookie; here they only come at once. */
  on('click', '[data-pref]', function (e, b) {
    e.preventDefault();
    var key = b.dataset.pref, value = root.dataset[key] === b.dataset.on ? '' : b.dataset.on;
    root.dataset[key] = value; b.setAttribute('aria-pressed', String(!!value)); b.value = value ? '' : b.dataset.on;
    d.cookie = 'ag_' + key + '=' + value + ';path=/;max-age=31536000;SameSite=Lax';
  });

  /* Menu on the phone, drop-downs, folded query. */
  function menu(open) {
    var side = $('#side'), button = $('[data-menu]'), scrim = $('.scrim');
    if (!side || !button) return;
    side.classList.toggle('open', open); button.setAttribute('aria-expanded', String(open));
    if (open && !scrim) {
      scrim = d.createElement('div'); scrim.className = 'scrim';
      scrim.addEventListener('click', function () { menu(false); });
      d.body.appendChild(scrim); $('a', side).focus();
    } else if (!open && scrim) { scrim.remove(); button.focus(); }
  }
  on('click', '[data-menu]', function (e, b) { e.preventDefault(); menu(b.getAttribute('aria-expanded') !== 'true'); });
  on('click', '[data-more]', function (e, b) {
    var open = b.closest('form').classList.toggle('open');
    b.setAttribute('aria-expanded', String(open)); b.textContent = word(open ? 'less' : 'more');
  });
  d.addEventListener('click', function (e) {
    $$('details.drop[open]').forEach(function (x) { if (!x.contains(e.target)) x.open = false; });
  });
  on('submit', '[data-query]', function (e, f) { $$('input,select', f).forEach(function (i) { if (!i.value) i.disabled = true; }); });
  window.addEventListener('pageshow', function () { $$('[data-query] :disabled').forEach(function (i) { i.disabled = false; }); });
  on('click', '[data-back]', function (e) { if (history.length > 1) { e.preventDefault(); history.back(); } });
  on('click', '[data-print]', function () { window.print(); });

  /* Ticked rows. */
  function boxes() { return $$('[data-list] [name=rowid]'); }
  function sync() {
    var all = boxes(), n = 0, head = $('[data-all]');
    all.forEach(function (b) { if (b.checked) n++; b.closest('tr').classList.toggle('on', b.checked); });
    $$('[data-n]').forEach(function (x) { x.textContent = n; });
    $$('.bar').forEach(function (b) { b.classList.toggle('idle', !n); });
    $$('[data-batch]').forEach(function (b) { b.setAttribute('aria-disabled', String(!n)); });
    if (head) { head.checked = n > 0 && n === all.length; head.indeterminate = n > 0 && n < all.length; }
  }
  on('change', '[data-all]', function (e, a) { boxes().forEach(function (b) { b.checked = a.checked; }); sync(); });
  on('change', '[name=rowid]', sync);

  /* Confirmation, and a reason where one is due; the reason travels as a normal field of the form. */
  function chips(box, reasons) {
    box.textContent = '';
    reasons.forEach(function (reason) {
      var c = d.createElement('button');
      c.type = 'button'; c.textContent = reason; c.dataset.fill = 'dlg-reason'; c.setAttribute('aria-pressed', 'false');
      box.appendChild(c);
    });
  }
  function asked(b) { // asked already: press on, once
    if (b.sure) { b.sure = false; return true; }
    return false;
  }
  on('click', 'button[data-confirm], button[data-reasons], button[data-batch]', function (e, b) {
    if (asked(b)) return;
    var form = b.form, batch = b.hasAttribute('data-batch'), n = batch ? $$('[name=rowid]:checked', form).length : 1;
    if (!n) { e.preventDefault(); toast(word('none')); return; }
    if (!b.dataset.confirm && !b.dataset.reasons) return;
    var g = $('#dlg-confirm');
    if (!g || !g.showModal) return; // a browser without dialogs asks nothing; the server still checks
    e.preventDefault();
    var text = $('textarea', g), ok = $('[data-ok]', g), err = $('[data-err]', g), reasons = b.dataset.reasons ? JSON.parse(b.dataset.reasons) : null;
    var grave = !!reasons || b.classList.contains('danger') || b.classList.contains('btn-danger');
    $('h2', g).textContent = batch ? word('batch', { verb: b.dataset.verb || b.textContent, n: n }) : (b.dataset.verb || b.textContent);
    $('[data-text]', g).textContent = b.dataset.confirm || '';
    $('[data-reason]', g).hidden = !reasons; err.hidden = true; text.value = ''; text.removeAttribute('aria-invalid');
    ok.textContent = word('sure', { verb: b.dataset.verb || b.textContent });
    ok.className = 'btn ' + (grave ? 'btn-danger solid' : 'btn-primary');
    chips($('[data-chips]', g), reasons || []);
    ok.onclick = function (ev) {
      if (reasons && !text.value.trim()) { ev.preventDefault(); err.hidden = false; text.setAttribute('aria-invalid', 'true'); text.focus(); }
    };
    g.onclose = function () {
      if (g.returnValue !== 'ok') { b.focus(); return; }
      if (reasons) {
        var field = $('input[name=reason][type=hidden]', form);
        if (!field) { field = d.createElement('input'); field.type = 'hidden'; field.name = 'reason'; form.appendChild(field); }
        field.value = text.value.trim();
      }
      b.sure = true; b.click();
    };
    g.returnValue = ''; g.showModal(); (reasons ? text : ok).focus();
  });
  on('click', '[data-fill]', function (e, c) {
    var t = d.getElementById(c.dataset.fill), s = c.textContent, pressed = c.getAttribute('aria-pressed') === 'true';
    if (pressed) t.value = t.value.split('\n').filter(function (line) { return line !== s; }).join('\n');
    else t.value += (t.value && t.value.slice(-1) !== '\n' ? '\n' : '') + s;
    c.setAttribute('aria-pressed', String(!pressed)); t.removeAttribute('aria-invalid');
    t.dispatchEvent(new Event('input', { bubbles: true }));
  });

  /* Forms: no double submit, a warning before typed words are lost, the chosen file. */
  var dirty = false;
  on('input', '[data-dirty]', function () { dirty = true; });
  on('change', '[data-dirty]', function () { dirty = true; });
  on('submit', 'form', function (e, f) {
    if (f.method === 'dialog') return;
    if (f.dataset.sent) { e.preventDefault(); return; }
    dirty = false;
    if (f.method !== 'post') return;
    f.dataset.sent = '1';
    setTimeout(function () { $$('[data-once]', f).forEach(function (b) { b.setAttribute('aria-disabled', 'true'); }); }, 0);
    setTimeout(function () { delete f.dataset.sent; }, 8000); // a download leaves the page as it is
  });
  window.addEventListener('pageshow', function () {
    $$('form[data-sent]').forEach(function (f) { delete f.dataset.sent; });
    $$('[data-once]').forEach(function (b) { b.removeAttribute('aria-disabled'); });
  });
  window.addEventListener('beforeunload', function (e) { if (dirty) { e.preventDefault(); e.returnValue = ''; } });
  function chosen(card, file) {
    var thumb = $('.thumb', card), img;
    card.classList.add('has');
    $('[data-note]', card).textContent = file.name + ' · ' + Math.max(1, Math.round(file.size / 1024)) + ' KB · ' + card.dataset.later;
    if (/^image\/(jpeg|png|gif|webp)$/.test(file.type)) {
      img = d.createElement('img'); img.className = 'thumb'; img.alt = ''; img.src = URL.createObjectURL(file); thumb.replaceWith(img);
    }
  }
  on('change', '[data-up] input[type=file]', function (e, i) { if (i.files[0]) chosen(i.closest('[data-up]'), i.files[0]); });
  ['dragover', 'dragleave', 'drop'].forEach(function (event) {
    on(event, '[data-up]', function (e, card) {
      e.preventDefault(); card.classList.toggle('drag', event === 'dragover');
      if (event !== 'drop' || !e.dataTransfer.files.length) return;
      var i = $('input[type=file]', card);
      i.files = e.dataTransfer.files; i.dispatchEvent(new Event('change', { bubbles: true }));
    });
  });
  function countdown(b, left) {
    var label = b.dataset.label || (b.dataset.label = b.textContent);
    b.disabled = left > 0; b.textContent = left > 0 ? word('again', { n: left }) : label;
    if (left > 0) setTimeout(function () { countdown(b, left - 1); }, 1000);
  }

  /* Work in the background: asked after with growing pauses; when nothing waits any more, the page is opened anew. */
  function poll(box, pause) {
    setTimeout(function () {
      if (d.hidden) { poll(box, pause); return; }
      fetch(box.dataset.poll, { credentials: 'same-origin', headers: { Accept: 'application/json' } }).then(function (answer) {
        if (!answer.ok) throw new Error(answer.status);
        return answer.json();
      }).then(function (far) {
        var meter = $('progress', box), text = $('[data-poll-text]');
        if (!far.waiting) { location.reload(); return; }
        if (meter) { meter.max = far.total; meter.value = far.done; }
        if (text) text.textContent = far.sentence;
        poll(box, Math.min(pause * 1.3, 10000));
      }).catch(function () { poll(box, Math.min(pause * 2, 30000)); });
    }, pause);
  }

  /* Tabs in one page (log-in, public counter): all panels stand open until the script shuts the others. */
  function pick(tab) {
    $$('[role=tab]', tab.parentNode).forEach(function (x) {
      var panel = d.getElementById(x.getAttribute('aria-controls'));
      x.setAttribute('aria-selected', String(x === tab)); x.tabIndex = x === tab ? 0 : -1;
      if (panel) panel.hidden = x !== tab;
    });
  }
  on('click', '[role=tab]', function (e, t) { pick(t); });
  on('keydown', '[role=tab]', function (e, t) {
    var all = $$('[role=tab]', t.parentNode), i = all.indexOf(t), to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: all.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault(); t = all[(to + all.length) % all.length]; pick(t); t.focus();
  });

  /* Scans: data-scan buttons show their file in .stage, beside what it was before if it was corrected; data-zoom, data-rot
     turn it. */
  var zoom = 1, turn = 0;
  function paint() { $$('.stage img').forEach(function (i) { i.style.transform = 'scale(' + zoom + ') rotate(' + turn + 'deg)'; }); }
  function sheet(url, kind, name, caption) {
    var shown = d.createElement(kind === 'pdf' ? 'iframe' : 'img'), figure;
    shown.src = url; shown.title = name;
    if (shown.tagName === 'IMG') shown.alt = name;
    if (!caption) return shown;
    figure = d.createElement('figure'); figure.appendChild(shown);
    figure.appendChild(d.createElement('figcaption')).textContent = caption;
    return figure;
  }
  on('click', '[data-scan]', function (e, b) {
    var stage = $('.stage'), old = b.dataset.before;
    if (!stage) return;
    e.preventDefault();
    $$('[data-scan]').forEach(function (x) { x.setAttribute('aria-pressed', String(x === b)); });
    zoom = 1; turn = 0; stage.textContent = '';
    stage.classList.toggle('two', !!old);
    if (old) stage.appendChild(sheet(old, b.dataset.beforeKind, b.dataset.name, stage.dataset.old));
    if (b.dataset.scan) stage.appendChild(sheet(b.dataset.scan, b.dataset.kind, b.dataset.name, old && stage.dataset.new));
    else stage.appendChild(d.createElement('p')).textContent = word('missing');
    if ($('[data-scan-name]')) $('[data-scan-name]').textContent = b.dataset.name;
  });
  on('click', '[data-zoom]', function (e, b) { zoom = Math.min(4, Math.max(.5, zoom + Number(b.dataset.zoom))); paint(); });
  on('click', '[data-rot]', function () { turn += 90; paint(); });
  function decided(r) {
    var against = r.hasAttribute('data-against') || r.value === 'no';
    $$('[data-neg]', r.form).forEach(function (x) { x.hidden = !against || (!!x.dataset.neg && x.dataset.neg !== r.value); });
    $$('[data-pos]', r.form).forEach(function (x) { x.hidden = against; });
  }
  on('change', '[name=decision]', function (e, r) { decided(r); });

  /* Marks for correction: a tick opens its line, and the notice is put together as it will be sent (corrections.notice). */
  function noticed() {
    var box = $('[data-marks]'), lines = [], remark, letter;
    if (!box) return;
    $$('[data-line]', box).forEach(function (line) {
      var ticked = $$('[data-mark]').some(function (m) { return m.checked && m.value === line.dataset.line; });
      var text = $('textarea', line), why = text.value.split('\n').map(function (x) { return x.trim().replace(/[。.；;]+$/, ''); });
      line.hidden = !ticked; text.disabled = !ticked;
      if (ticked) lines.push(lines.length + 1 + '. ' + $('[data-label]', line).textContent + box.dataset.colon + why.filter(Boolean).join(box.dataset.join));
    });
    $('[data-none]', box).hidden = lines.length > 0;
    remark = $('#reason').value.trim(); letter = $('[data-notice]');
    letter.textContent = lines.concat(remark || []).join('\n');
    letter.parentNode.toggleAttribute('data-empty', !letter.textContent);
  }
  on('change', '[data-mark]', function (e, m) {
    var r = $('[name=decision][value=return]'), line = $('[data-line="' + m.value + '"]');
    $$('[data-mark]').forEach(function (x) { if (x.value === m.value) x.checked = m.checked; });
    if (m.checked && !r.checked) { r.checked = true; decided(r); }
    noticed();
    if (m.checked) line.scrollIntoView({ block: 'nearest' });
  });
  on('click', '[data-unmark]', function (e, b) {
    $$('[data-mark]').forEach(function (m) { if (m.value === b.dataset.unmark) m.checked = false; });
    noticed();
  });
  on('input', '#decide', noticed);

  /* Keys J K X Enter A R 1-9 / ? (WCAG 2.1.4: can be switched off under ?). */
  var current = -1;
  function rows() { return $$('[data-list] tbody tr'); }
  function go(n) {
    var all = rows(), a;
    if (!all.length) return;
    current = Math.max(0, Math.min(all.length - 1, n));
    all.forEach(function (x, i) { x.classList.toggle('cur', i === current); });
    a = $('[data-open], .ops a', all[current]);
    if (a) a.focus({ preventScroll: true });
    all[current].scrollIntoView({ block: 'nearest' });
  }
  function silent() { try { return localStorage.getItem('ag_keys') === 'off'; } catch (x) { return false; } }
  function help() { var g = $('#dlg-keys'); if (!g || !g.showModal) return; g.showModal(); $('[data-keys-off]').checked = silent(); }
  on('change', '[data-keys-off]', function (e, c) { try { localStorage.setItem('ag_keys', c.checked ? 'off' : ''); } catch (x) { /* private window */ } });
  on('click', '[data-keys]', help);
  function decide(against) {
    var all = $$('[data-review] [name=decision]'), r = all.filter(function (x) { return (x.hasAttribute('data-against') || x.value === 'no') === against; })[0];
    if (!r) return false;
    r.checked = true; r.dispatchEvent(new Event('change', { bubbles: true }));
    (against ? $('[data-review] textarea:enabled') || r : r).focus();
    return true;
  }
  function press(key) {
    var el;
    if (key === '?') { help(); return true; }
    if (key === '/') { el = $('[data-slash]'); if (el) el.focus(); return !!el; }
    if (key === 'a' || key === 'r') return decide(key === 'r');
    if ($('[data-review]') && (key === 'j' || key === 'k')) { el = $(key === 'j' ? '[data-next]' : '[data-prev]'); if (el && el.href) location.href = el.href; return true; }
    if (/^[1-9]$/.test(key)) { el = $$('[data-scan]')[key - 1]; if (el) el.click(); return !!el; }
    if (key === 'j' || key === 'k') { go(current + (key === 'j' ? 1 : -1)); return rows().length > 0; }
    if (key === 'x' && rows()[current]) { el = $('[name=rowid]', rows()[current]); if (el) { el.checked = !el.checked; sync(); } return !!el; }
    return false;
  }
  d.addEventListener('keydown', function (e) {
    var typing = /^(input|textarea|select)$/i.test(e.target.tagName) && !/^(checkbox|radio)$/.test(e.target.type);
    if (e.key === 'Escape') { if ($('.scrim')) menu(false); $$('details.drop[open]').forEach(function (x) { x.open = false; }); }
    if (e.ctrlKey && e.key === 'Enter') { var s = $('[data-next-submit]'); if (s && !$('dialog[open]')) { e.preventDefault(); s.click(); } return; }
    if (e.ctrlKey || e.metaKey || e.altKey || typing || $('dialog[open]') || silent()) return;
    if (press(e.key.toLowerCase())) e.preventDefault();
  });

  d.addEventListener('DOMContentLoaded', function () {
    var summary = $('[data-focus]');
    if (summary) summary.focus();
    if ($('[data-list]')) sync();
    $$('[data-poll]').forEach(function (box) { poll(box, 1000); });
    $$('[role=tablist]').forEach(function (list) { var t = $('[role=tab][aria-selected=true]', list) || $('[role=tab]', list); if (t) pick(t); });
    $$('[name=decision]:checked').forEach(decided);
    noticed();
    $$('[data-countdown]').forEach(function (b) { if (Number(b.dataset.countdown)) countdown(b, Number(b.dataset.countdown)); });
  });
})();
