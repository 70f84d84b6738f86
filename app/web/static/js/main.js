/* Behaviour of every page. All of them work without script; it adds confirmation, selection counts, previews and keys.
   No inline handlers, so "script-src 'self'" holds; no words of any language: they come from <template id="words">.

   A browser gets this file with all that it imports in one answer (web/base/static_files.py), made when it is first asked
   for: no build step stands between the source and the browser, and nothing has to be kept equal to its source. That knows
   imports of names from relative addresses, and exports of functions, constants and classes; more is refused.

   The oldest browser is Chromium 86: no top-level await, no private methods, no "??=". */
import './back_and_print.js';
import './confirm.js';
import './countdown.js';
import './crop.js';
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
import './session.js';
import './suggestions.js';
import './summary.js';
import './tabs.js';
import './uploads.js';
