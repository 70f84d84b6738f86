"""Translated texts in templates."""

from flask import render_template_string
from flask_babel import force_locale

PAGE = "{{ _('Save') }} {{ _('%(n)s people', n=n) }} {{ part('base/dialogs.html') }}"


def test_texts_are_translated_for_each_language_and_values_are_escaped(built):
    with built.test_request_context():
        chinese = render_template_string(PAGE, n="<b>")
    with built.test_request_context(), force_locale("en"):
        english = render_template_string(PAGE, n="<b>")
    assert chinese.startswith("保存 共 &lt;b&gt; 人")
    assert english.startswith("Save &lt;b&gt; people")
    assert "关闭</button>" in chinese
    assert "Close</button>" in english
