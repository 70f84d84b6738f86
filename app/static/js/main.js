/* Behaviour of every page. All of them work without script; it adds confirmation, selection counts, previews and keys.
   No inline handlers, so "script-src 'self'" holds; no words of any language: they come from <template id="words">.

   The files are loaded as they are, not bundled: so no build step stands between the source and the browser. Only this file
   is asked for with its fingerprint. What it imports has plain addresses, for which the server sends an ETag and "no-cache":
   browsers keep the files, ask whether they are still right, and never see an old file beside a new one. A query in the
   import lines would have to be kept right by hand, and import maps are newer than the oldest browser we serve.

   The oldest browser is Chromium 86: no top-level await, no private methods, no "??=". */
import './back_and_print.js';
import './confirm.js';
import './countdown.js';
import './decision.js';
import './forms.js';
import './keys.js';
import './marks.js';
import './menu.js';
import './preferences.js';
import './progress.js';
import './query.js';
import './scans.js';
import './selection.js';
import './suggestions.js';
import './summary.js';
import './tabs.js';
import './uploads.js';
