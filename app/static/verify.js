/* Checks a certificate's square code in the browser alone: the signature (COSE_Sign1, ES256) with the published keys, the
   standing by the signed status list. The same as app/certificates/offline.py. No words of any language: they come from the page. */
(function () {
  'use strict';
  var d = document, box = d.getElementById('verify'), words = d.getElementById('verify-words').dataset;
  var result = d.getElementById('verdict'), state = {keys: null, list: null};
  var DAY = 86400000, OFFICE = 8 * 3600000;

  function bytes(text) { // base64url
    var raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
    return Uint8Array.from(raw, function (c) { return c.charCodeAt(0); });
  }
  function utf8(data) { return new TextDecoder('utf-8', {fatal: true}).decode(data); }
  function forged() { return new Error('forged'); }

  /* --- CBOR: the little of it that a code is made of, in its one shortest way of writing --- */
  function cbor(data) {
    var at = 0;
    function byte() { if (at >= data.length) throw forged(); return data[at++]; }
    function number(low) {
      if (low < 24) return low;
      if (low > 26) throw forged();
      var size = 1 << (low - 24), n = 0;
      for (var i = 0; i < size; i++) n = n * 256 + byte();
      if (n < [24, 256, 65536][low - 24]) throw forged();
      return n;
    }
    function some(n) { if (at + n > data.length) throw forged(); at += n; return data.slice(at - n, at); }
    function value(depth) {
      var head = byte(), n, i, found;
      if (head === 0xf6) return null;
      if (depth > 4 || head >> 5 > 5) throw forged();
      n = number(head & 31);
      switch (head >> 5) {
        case 0: return n;
        case 1: return -1 - n;
        case 2: return some(n);
        case 3: return utf8(some(n));
        case 4: for (found = [], i = 0; i < n; i++) found.push(value(depth + 1)); return found;
        default: for (found = new Map(), i = 0; i < n; i++) found.set(value(depth + 1), value(depth + 1)); return found;
      }
    }
    var all = value(1);
    if (at !== data.length) throw forged();
    return all;
  }
  function text(n) { var t = new TextEncoder().encode(n); return [0x60 | t.length].concat(Array.from(t)); }
  function string(data) { // a byte string
    var n = data.length, head = n < 24 ? [0x40 | n] : n < 256 ? [0x58, n] : [0x59, n >> 8, n & 255];
    return head.concat(Array.from(data));
  }

  /* --- the code --- */
  function digitsIn(given) { return given.replace(/\s+/g, '').split(/[?#]/)[0].replace(/\/+$/, '').split('/').pop(); }
  function parts(digits) {
    if (!/^[1-9][0-9]{99,799}$/.test(digits)) throw forged();
    var hex = BigInt(digits).toString(16);
    if (hex.length % 2) hex = '0' + hex;
    var data = Uint8Array.from(hex.match(/../g), function (h) { return parseInt(h, 16); });
    if (data[0] !== 1) throw forged();
    var m = cbor(data.slice(1)), head;
    if (!Array.isArray(m) || m.length !== 4 || !(m[0] instanceof Uint8Array) || !(m[1] instanceof Map) || m[1].size
        || !(m[2] instanceof Uint8Array) || !(m[3] instanceof Uint8Array) || m[3].length !== 64) throw forged();
    head = cbor(m[0]);
    if (!(head instanceof Map) || head.size !== 2 || head.get(1) !== -7 || !(head.get(4) instanceof Uint8Array)) throw forged();
    return {kid: utf8(head.get(4)), payload: m[2], signature: m[3],
      signed: Uint8Array.from([0x84].concat(text('Signature1'), string(m[0]), [0x40], string(m[2])))};
  }
  function verified(kid, signature, data) {
    var jwk = state.keys && state.keys.find(function (k) { return k.kid === kid && k.kty === 'EC' && k.crv === 'P-256'; });
    if (!jwk) return Promise.reject(forged());
    return crypto.subtle.importKey('jwk', {kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y}, {name: 'ECDSA', namedCurve: 'P-256'}, false, ['verify'])
      .then(function (key) { return crypto.subtle.verify({name: 'ECDSA', hash: 'SHA-256'}, key, signature, data); })
      .then(function (good) { if (!good) throw forged(); });
  }
  function read(digits) {
    var p = parts(digits);
    return verified(p.kid, p.signature, p.signed).then(function () {
      var s = cbor(p.payload);
      if (!Array.isArray(s) || s.length !== 7 || s[0] !== 1) throw forged();
      return {version: s[2], number: s[3], name: s[4], until: s[5], place: s[6]};
    });
  }

  /* --- the status list --- */
  function unpacked(data) {
    return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer()
      .then(function (all) { return new Uint8Array(all); });
  }
  function opened(token) {
    var p = token.trim().split('.'), head, claims;
    if (p.length !== 3) return Promise.reject(forged());
    head = JSON.parse(utf8(bytes(p[0])));
    if (head.alg !== 'ES256' || head.typ !== 'statuslist+jwt') return Promise.reject(forged());
    return verified(head.kid, bytes(p[2]), new TextEncoder().encode(p[0] + '.' + p[1])).then(function () {
      claims = JSON.parse(utf8(bytes(p[1])));
      if (claims.status_list.bits !== 2) throw forged();
      return unpacked(bytes(claims.status_list.lst));
    }).then(function (entries) { return {entries: entries, at: claims.iat * 1000, until: claims.exp * 1000}; });
  }
  function markOf(place) {
    var list = state.list;
    if (!list || place === null || place >= 4 * list.entries.length) return null;
    return list.entries[place >> 2] >> (place % 4) * 2 & 3;
  }
  function standing(c) { // an end is final, whatever the age of the list; nothing else is
    var mark = markOf(c.place), today = Math.floor((Date.now() + OFFICE) / DAY);
    if (mark === 1) return 'ended';
    if (mark === 3) return 'updated';
    if (today > c.until) return 'expired';
    if (mark === null) return 'unknown';
    if (Date.now() >= state.list.until) return 'listTooOld';
    return mark === 2 ? 'suspended' : 'inForce';
  }

  /* --- what is shown --- */
  function ago(at) {
    var s = Math.max(0, (Date.now() - at) / 1000), f = new Intl.RelativeTimeFormat(d.documentElement.lang, {numeric: 'always'});
    return s < 60 ? words.now : s < 5400 ? f.format(-Math.round(s / 60), 'minute') : s < 172800 ? f.format(-Math.round(s / 3600), 'hour') : f.format(-Math.round(s / 86400), 'day');
  }
  function listLine() {
    var line = d.getElementById('list-age'), list = state.list;
    line.textContent = !list ? words.noList : (Date.now() >= list.until ? words.listPast : words.listAge).replace('{age}', ago(list.at));
    line.classList.toggle('err', !list || Date.now() >= list.until);
  }
  function show(kind, claims) {
    var tones = {inForce: 'ok', suspended: 'todo', listTooOld: 'todo', unknown: 'todo'}, facts = result.querySelector('dl');
    result.className = 'cert ' + (tones[kind] || 'bad');
    result.querySelector('.verdict').textContent = words[kind];
    result.querySelector('.means').textContent = claims ? words.genuine : words[kind + 'Means'] || '';
    facts.hidden = !claims;
    if (claims) {
      var values = {name: claims.name, number: claims.number, version: claims.version, until: new Date(claims.until * DAY).toISOString().slice(0, 10)};
      Object.keys(values).forEach(function (k) { facts.querySelector('[data-fact="' + k + '"]').textContent = values[k]; });
    }
    var link = result.querySelector('a');
    link.hidden = !claims;
    if (claims) link.href = '/v/' + claims.digits;
    result.hidden = false; listLine(); result.focus();
  }
  function check(given) {
    var digits = digitsIn(given);
    if (!digits) return show('nothing');
    if (!window.crypto || !crypto.subtle || !window.DecompressionStream) return show('browser');
    if (!state.keys) return show('noKeys');
    return new Promise(function (ok) { ok(read(digits)); })
      .then(function (claims) { claims.digits = digits; show(standing(claims), claims); })
      .catch(function () { show(digits.length <= 32 ? 'older' : 'forged'); });
  }

  /* --- where it begins --- */
  function fetched(address) { return fetch(address).then(function (a) { if (!a.ok) throw new Error(address); return a; }); }
  var ready = fetched(box.dataset.jwks).then(function (a) { return a.json(); }).then(function (set) { state.keys = set.keys; })
    .then(function () { return fetched(box.dataset.list); }).then(function (a) { return a.text(); }).then(opened)
    .then(function (list) { state.list = list; }).catch(function () {}).then(listLine);
  box.addEventListener('submit', function (e) { e.preventDefault(); ready.then(function () { check(box.elements.code.value); }); });

  var picture = d.getElementById('picture');
  if ('BarcodeDetector' in window) {
    picture.hidden = false;
    picture.querySelector('input').addEventListener('change', function () {
      var file = this.files[0], input = this;
      if (!file) return;
      createImageBitmap(file).then(function (bitmap) { return new window.BarcodeDetector({formats: ['qr_code']}).detect(bitmap); })
        .then(function (found) { if (!found.length) throw new Error('none'); box.elements.code.value = found[0].rawValue; return ready.then(function () { check(found[0].rawValue); }); })
        .catch(function () { show('unreadable'); }).then(function () { input.value = ''; });
    });
  }
  function fromAddress() {
    var digits = location.hash.slice(1);
    if (digits) { box.elements.code.value = digits; ready.then(function () { check(digits); }); }
  }
  window.addEventListener('hashchange', fromAddress);
  fromAddress();
  if ('serviceWorker' in navigator) navigator.serviceWorker.register('/verify-worker.js', {scope: '/verify'}).catch(function () {});
})();
