/* How a page asks a UKey: UKeyAgent.list(agent) and UKeyAgent.sign(agent, {id, words, pin}). This is the adapter for an agent
   that speaks docs/UKEY.md over HTTP on the loopback; a vendor's own agent is reached by another file with the same two names. */
(function () {
  'use strict';
  if (window.UKeyAgent) return;

  function mishap(error, tries) { var e = new Error(error); e.error = error; e.tries = tries; return e; }
  function ask(address, body, seconds) {
    var stop = new AbortController(), timer = setTimeout(function () { stop.abort(); }, seconds * 1000);
    var how = {signal: stop.signal, credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer'};
    if (body) { how.method = 'POST'; how.headers = {'Content-Type': 'application/json'}; how.body = JSON.stringify(body); }
    return fetch(address, how).then(function (answer) {
      return answer.json().then(function (said) {
        clearTimeout(timer);
        if (!answer.ok) throw mishap(said.error || 'bad-request', said.tries);
        return said;
      });
    }).catch(function (e) { clearTimeout(timer); throw e.error ? e : mishap('no-agent'); });
  }

  window.UKeyAgent = {
    list: function (agent) { return ask(agent + '/v1/keys', null, 5).then(function (said) { return said.keys || []; }); },
    sign: function (agent, asked) { return ask(agent + '/v1/sign', asked, 60); }
  };
})();
