"""The kinds of findings: how grave each is, and its two sentences.

``%(place)s`` is where it was found; other placeholders are filled by the check that finds it.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from flask_babel import lazy_gettext as _


class Severity(IntEnum):
    """The exit code of ``anguan doctor`` is that of the gravest finding."""

    WARNING = 1  # works, and should be looked at
    ERROR = 2  # something does not work, or is unsafe

    @property
    def label(self) -> object:
        return _("To be put right now") if self is Severity.ERROR else _("To be looked at")


class FindingKind(NamedTuple):
    """How grave it is, what is wrong, what to do."""

    severity: Severity
    what: object
    remedy: object


# What is sealed and drawn, by the values of ``SealUse``.
PAPERS: Mapping[str, object] = {"certificates": _("E-certificates"), "letters": _("Letters")}
E, W = Severity.ERROR, Severity.WARNING
_HOME = _("Put the file back from the backup. Do not run 'anguan init' meanwhile.")
_SETTING = _("Correct the setting (docs/SETTINGS.md) and start the system again.")
_ANOTHER = _("Production needs a database of its own: set DATABASE_URL to an empty one and run 'anguan init'.")
_TLS = _("Use an https address.")
_PERMIT = _("Give the server's own user its folder to write, or run 'anguan init' as that user.")
_SPACE = _(
    "Free space on the disk, or give the database file more. Nothing typed is lost; people can send it again afterwards."
)

# fmt: off
KINDS: Mapping[str, FindingKind] = {
    # settings and keys
    "bad-setting": FindingKind(E, _("A setting cannot be used: %(why)s"), _SETTING),
    "unknown-setting": FindingKind(E, _("A setting has an unknown name: %(why)s"), _SETTING),
    "unknown-environment": FindingKind(E, _("It is not clear whether this is production: %(why)s"), _SETTING),
    "no-keys": FindingKind(E, _("The keys are missing: %(why)s"), _("On a new installation run 'anguan init'. If there is data already, put keys.json back from the backup.")),
    "damaged-keys": FindingKind(E, _("The keys cannot be used: %(why)s"), _HOME),
    "foreign-keys": FindingKind(E, _("The keys in %(place)s are not those of this database: nothing personal in it can be read."), _("Put the keys.json of this database back from its backup, or set DATABASE_URL to the database that belongs to these keys.")),
    "half-way-keys": FindingKind(E, _("A change of keys was interrupted: %(why)s"), _("Run 'anguan rekey --index' to its end.")),
    "no-code-keys": FindingKind(E, _("The keys that sign QR codes are missing or damaged: %(place)s"), _("Put the file back from the backup. Only where no certificate has been issued, 'anguan init' may make new ones.")),
    "other-code-keys": FindingKind(E, _("%(place)s lacks the key %(kid)s, with which another machine of this database has signed: its QR codes would be called forged here."), _("Copy codes.json from the machine that holds this key, or from the backup; nothing needs to be started again.")),
    "readable-by-others": FindingKind(W, _("%(place)s can be read by others."), _("chmod %(mode)s on it; 'anguan doctor --fix' does so.")),
    "no-https": FindingKind(E, _("Passwords travel in the open: the site is not said to be behind TLS."), _("Serve behind TLS and set ANGUAN_HTTPS=1.")),
    "any-host": FindingKind(E, _("Any host name would be answered to."), _("Set ANGUAN_HOSTS to the names of this site, with commas between.")),
    "odd-host": FindingKind(E, _("ANGUAN_HOSTS takes names between commas, and %(names)s is none."), _SETTING),
    "unanswered-address": FindingKind(E, _("QR codes would point at %(name)s, which is not answered to."), _("Add the name to ANGUAN_HOSTS, or correct ANGUAN_PUBLIC_URL.")),
    "open-address": FindingKind(E, _("QR codes would point at %(address)s, which is no https address."), _("Set ANGUAN_PUBLIC_URL to this site's https address.")),
    "moved-address": FindingKind(W, _("ANGUAN_PUBLIC_URL is %(now)s; papers drawn before lead to %(before)s by their QR codes."), _("If the old address no longer leads here, have certificates drawn again: 'anguan codes redraw'. If the new one is wrong, correct it.")),
    "uncounted-proxy": FindingKind(E, _("Limits would count the proxy, not the visitor."), _("Set ANGUAN_TRUSTED_PROXIES to how many proxies stand in front.")),
    "open-token": FindingKind(E, _("The token for %(place)s travels in the open."), _TLS),
    "messages-to-a-file": FindingKind(E, _("Text messages are only written to a file."), _("Set ANGUAN_SMS_URL to the gateway's address.")),
    "no-operator": FindingKind(W, _("Nobody is told when something breaks."), _("Set ANGUAN_ALERT_URL to a webhook, or ANGUAN_ALERT_MOBILES to the operators' telephones.")),
    # what can be written, disk, files of the program
    "home-unwritable": FindingKind(E, _("Nothing can be saved: %(place)s cannot be written to."), _PERMIT),
    "blobs-unwritable": FindingKind(E, _("Nothing can be saved: %(place)s cannot be written to."), _PERMIT),
    "database-unwritable": FindingKind(E, _("Nothing can be saved: the database stores no row."), _("The log of the database says why.")),
    "database-read-only": FindingKind(E, _("Nothing can be saved: the database can only be read."), _("Give the server's own user the database file and its folder to write (SQLite), or end the standby or read-only mode (PostgreSQL).")),
    "files-read-only": FindingKind(E, _("Nothing can be saved: the disk can only be read."), _("Mount it for writing; the log of the operating system says why it was not.")),
    "files-away": FindingKind(E, _("The object store %(place)s cannot be used: %(why)s"), _("See that it runs and can be reached from here, that the bucket exists, and that the key may read, write, list and delete in it. Scans come back by themselves.")),
    "disk-full": FindingKind(E, _("Nothing can be saved: the disk is full."), _SPACE),
    "disk-fault": FindingKind(E, _("Nothing can be saved: the disk refuses what is written to it."), _("The log of the operating system says why. Copy what can still be read, and replace the disk.")),
    "disk-low": FindingKind(W, _("Only %(free)s MB are free where %(place)s lies."), _SPACE),
    "no-font": FindingKind(E, _("A font cannot be opened: %(place)s. Certificates and letters cannot be drawn."), _("Install this version again; the fonts belong to it.")),
    # seals and outside services
    "seal-lost": FindingKind(E, _("The seal that sealed the papers so far is gone: %(place)s is missing. No paper can be sealed or verified."), _("Put the seal folder back from the backup. Do not make another one: papers sealed before would no longer be taken for this authority's.")),
    "no-seal": FindingKind(E, _("There is no seal yet in %(place)s."), _("Run 'anguan init'.")),
    "seal-away": FindingKind(E, _("Nothing can be sealed (%(of)s): %(why)s."), _("Look after the seal service. What was decided counts; its papers are sealed by themselves once it answers.")),
    "seal-ends": FindingKind(W, _("The seal (%(of)s) runs out on %(day)s."), _("Renew it at the service, or with 'anguan seal renew' ('anguan seal renew --letters').")),
    "demonstration-seal": FindingKind(E, _("Certificates carry the demonstration's seal, which has no legal force."), _("Set ANGUAN_SEAL_URL to the seal service.")),
    "scanner-away": FindingKind(E, _("ClamAV does not answer at %(place)s: every upload is refused."), _("Start clamd, or correct ANGUAN_CLAMD.")),
    "sms-away": FindingKind(E, _("The SMS gateway cannot be reached at %(place)s (%(why)s)."), _("Look after the network and the gateway. Messages wait and are sent by themselves; codes for signing in expire.")),
    "sms-refused": FindingKind(E, _("The SMS gateway refuses messages: %(why)s. %(n)s wait since %(since)s."), _("Ask the provider, or correct ANGUAN_SMS_URL and ANGUAN_SMS_TOKEN. Messages wait and are tried again by themselves.")),
    "licences-away": FindingKind(E, _("Nobody can sign in with a business licence: %(why)s."), _("Look after the licence platform. Enterprises can still sign in with password or UKey.")),
    # the database
    "database-away": FindingKind(E, _("The database does not answer: %(why)s"), _("Start the database, or correct DATABASE_URL.")),
    "empty-database": FindingKind(E, _("The database is empty: it was never made ready, or DATABASE_URL names another one."), _("Look at DATABASE_URL first. For a new installation run 'anguan init'.")),
    "strange-database": FindingKind(E, _("The database belongs to another program: it holds tables that are not ours."), _("Correct DATABASE_URL.")),
    "older-database": FindingKind(E, _("The database stands at revision %(stands)s; this version needs %(needs)s."), _("Make a backup, then run 'anguan init'.")),
    "newer-database": FindingKind(E, _("The database stands at revision %(stands)s, which this version does not know: it is older than the database."), _("Install the version that the database was used with, or correct DATABASE_URL.")),
    "other-office": FindingKind(E, _("The database belongs to another authority: it holds data of region %(theirs)s, and the settings name %(ours)s."), _("Correct DATABASE_URL, or ANGUAN_REGION_CODE and what goes with it.")),
    "open-audit-log": FindingKind(E, _("The server's database role may change the audit log."), _("Give it a role of its own: 'anguan audit grant ROLE'.")),
    "misplaced-secret": FindingKind(E, "%(place)s", _("Compare the row with the backup: it was changed in the database itself.")),
    "differing-identity": FindingKind(W, "%(place)s", _("Clear it up with the enterprise concerned, as the sentence says.")),
    # accounts and demonstration
    "demonstration-data": FindingKind(E, _("Enterprises of the demonstration are in the database (%(place)s)."), _ANOTHER),
    "demonstration-clock": FindingKind(W, _("The demonstration clock is set: the office's day is %(day)s (%(n)s days ahead of the true one)."), _("Set it back in the menu of an account, or go on with the demonstration.")),
    "demonstration-clock-left": FindingKind(E, _("The demonstration clock was set %(n)s days ahead in this database; production ignores it, but records bear later days."), _ANOTHER),
    "conflicting-roles": FindingKind(E, _("%(place)s holds roles that exclude each other (%(roles)s) and cannot sign in."), _("Have the security administrator take one away.")),
    "no-administrator": FindingKind(E, _("No account is %(place)s."), _("Run 'anguan create-admin'.")),
    "password-alone": FindingKind(W, _("Officers sign in with a password alone."), _("Have the security administrator set the parameter second_factor to 'operating'.")),
    # the clock
    "doubted-clock": FindingKind(E, _("The clock shows %(now)s, but the last moment recorded before is %(last)s. Nothing final is done (night's work, removals, decisions)."), _("If the clock is wrong, set it right. If it is right, because the machine was off: 'anguan clock accept'.")),
    "clock-behind": FindingKind(E, _("The clock shows %(now)s, but the last line of the audit log is of %(last)s: the clock went back."), _("Set the clock right; keep it by a time service (NTP).")),
    "clock-apart": FindingKind(W, _("The clock of this machine and that of the database differ by %(n)s seconds."), _("Keep both by a time service (NTP).")),
    # how it runs
    "no-worker": FindingKind(E, _("No worker runs (last seen: %(last)s): nothing is sent, drawn or done at night."), _("Start it: 'anguan serve', or 'anguan worker' beside it (systemctl start anguan-worker).")),
    "old-queue": FindingKind(W, _("The oldest background job waits since %(since)s (%(n)s minutes)."), _("Look at the list of background jobs and the load of the machine; start another worker if this lasts.")),
    "dead-jobs": FindingKind(W, _("%(n)s background jobs were given up; the last: %(why)s."), _("Read the fault in the list of background jobs, remove its cause, and press 'Try again' there.")),
    "stuck-batch": FindingKind(E, _("Batch %(place)s of decisions does not move on (since %(since)s)."), _("Start the worker if none runs. If its job was given up, press 'Try again' in the list of background jobs: what is done stays done.")),
    "failed-messages": FindingKind(W, _("%(n)s text messages of the last day could not be sent."), _("Read the fault in the list of text messages, and send them again there.")),
    "missing-papers": FindingKind(E, _("%(n)s certificates or letters of the last week were not drawn (%(of)s)."), _("Read the fault in the list of background jobs. 'anguan doctor --fix' has them drawn once more.")),
    "no-files": FindingKind(E, _("None of the files that the database names lies in %(place)s: the folder or bucket of another system, or not mounted."), _("Mount the folder, correct ANGUAN_BLOBS, or put the files back from the backup. Let nobody upload anything meanwhile.")),
    "missing-file": FindingKind(E, _("%(n)s files that the database names are missing in %(place)s."), _("Put them back from the backup.")),
    "damaged-file": FindingKind(E, _("%(n)s files in %(place)s cannot be opened: they were changed, or their key is gone."), _("Put them back from the backup.")),
    "broken-log": FindingKind(E, _("The audit log does not verify: %(why)s (line %(place)s)."), _("Run 'anguan audit verify', keep the database as it is, and tell the audit administrator.")),
    "unverified-log": FindingKind(W, _("The audit log was last verified at %(last)s."), _("It is verified each night: look at the list of background jobs, or run 'anguan audit verify'.")),
    "no-backup": FindingKind(W, _("No backup is on record."), _("Make one, and have it made each night: docs/backup.md.")),
    "old-backup": FindingKind(W, _("The last backup is of %(last)s."), _("Look why none was made since, and make one now.")),
    "failed-check": FindingKind(E, _("The check “%(place)s” could not be made: %(why)s"), _("Remove the cause named there, and run 'anguan doctor' again.")),
}
# fmt: on
