"""Writes testdata/jinja_snippets.jsonl: what Jinja2, in the sandbox of transformers, makes of many small templates.

    python3 make_jinja_goldens.py [--check]

--check writes nothing and fails if the installed reference gives anything else than the file.

One JSON object per line: "source", and either "text" or "error": true. Every snippet sees the same variables, which are
in the first line.
"""

import json
import pathlib
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

VARIABLES = {
    "messages": [{"role": "system", "content": " Be kind. "}, {"role": "user", "content": "Hi\n"},
                 {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHello, you."}, {"role": "user", "content": "häßlich 日本"}],
    "name": "Ada", "empty": "", "spaced": "\u00a0\u2003 a b\t c \u3000\n", "number": 7, "negative": -3, "real": 2.5, "nothing": None,
    "yes": True, "no": False, "list": [3, 1, 2], "words": ["a", "b", "a"], "nested": [[1, 2], ["x", None]],
    "tool": {"name": "f", "parameters": {"type": "object", "n": 1, "list": [], "none": None, "real": 1e-7, "yes": True, "text": "a\"b\\\n\té<&>'\u0001"}},
    "pairs": [["k", 1], ["l", 2]], "empty_list": [], "empty_dict": {}, "numbers": {"b": 2, "A": 1, "c": 0},
}

SNIPPETS = """
{{ name }}|{{ empty }}|{{ number }}|{{ real }}|{{ nothing }}|{{ yes }}|{{ no }}|{{ missing }}|{{ list }}|{{ nested }}|{{ tool.name }}
{{ 1e16 }} {{ 1.0 }} {{ 0.1 }} {{ 1e-5 }} {{ 123456789.125 }} {{ 1e22 }} {{ 0.0001 }} {{ 100000000000000000.0 }} {{ 5e-324 }} {{ -0.0 }}
{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ -2 ** 2 }}
{{ 1 + true }} {{ 2.5 * 2 }} {{ 1 - 0.5 }} {{ 3 * 'ab' }} {{ 'ab' * 2 }} {{ [1] * 2 }} {{ 'a' * -1 }}|
{{ 'a' + 'b' }} {{ 'a' ~ 1 ~ none ~ true ~ 1.5 ~ [1, 'x'] ~ missing }} {{ 1 ~ 2 ~ 3 }}
{{ 1 ~ 2 + 3 }}
{{ 'a' + 1 }}
{{ none + 'a' }}
{{ missing + 'a' }}
{{ 'a' + missing }}
{{ missing.attribute }}
{{ missing['item'] }}
{{ name.missing }}|{{ name['missing'] }}|{{ tool.missing }}|{{ tool['missing'] }}|{{ list.missing }}|{{ nothing.missing }}|{{ nothing['x'] }}|
{{ tool.missing.deeper }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 1 == 1.0 }} {{ 1 == true }} {{ '1' == 1 }} {{ none == none }}
{{ [1, 2] == (1, 2) }} {{ (1, 2) == (1, 2) }} {{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }} {{ missing == missing }} {{ missing == '' }} {{ missing == none }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ 'a' in 'abc' }} {{ 'd' in 'abc' }} {{ '' in 'abc' }} {{ 1 in list }} {{ 'name' in tool }} {{ 9 not in list }} {{ 'x' not in missing }} {{ 2 in (1, 2) }}
{{ 1 in 'abc' }}
{{ missing in 'abc' }}
{{ 1 in 5 }}
{{ not true }} {{ not empty }} {{ not not name }} {{ not 1 == 2 }} {{ not 'a' in 'b' }} {{ true and 'x' }} {{ '' or 'y' }} {{ none and 1 }} {{ 0 or none }}
{{ 'x' if yes else 'y' }} {{ 'x' if no else 'y' }} {{ 'x' if no }}| {{ 1 if no else 2 if no else 3 }} {{ 'a' if name is defined and name else 'b' }}
{{ list[0] }} {{ list[-1] }} {{ list[9] }}|{{ name[0] }} {{ name[-1] }} {{ name[9] }}|{{ 'häß'[1] }} {{ messages[0].role }} {{ messages[0]['content'] }} {{ nested[0][1] }} {{ nested.0.1 }}
{{ list[1:] }} {{ list[:-1] }} {{ list[::-1] }} {{ list[::2] }} {{ list[5:] }} {{ list[-2:] }} {{ name[1:] }} {{ name[::-1] }} {{ 'häßlich'[1:4] }} {{ list[2:0:-1] }} {{ name[:none] }} {{ list[-9:9] }} {{ (1, 2, 3)[1:] }}
{{ missing[1:] }}
{{ nothing[1:] }}
{{ list['a':] }}
{{ list[::0] }}
{{ tool[1:] }}
{{ [] }} {{ {} }} {{ () }} {{ (1,) }} {{ 1, 2 }} {{ [1, 'a', none, true, 1.5] }} {{ {'a': 1, 2: 'b', none: []} }} {{ ['it\\'s', 'say "x"', 'both \\'"'] }} {{ ['\\n\\t\\\\\\r\\x07'] }}
{{ {'a': 1, 'a': 2} }} {{ {'a': missing} }}
{{ 'a' 'b' "c" }} {{ 'tab\\tnew\\nline\\x41\\u00e9\\U0001f600\\q\\'' }} {{ "quote\\"s" }}
{{ [1, 2, 3,] }} {{ {'a': 1,} }} {{ (1, 2,) }}
{{ true }} {{ True }} {{ false }} {{ False }} {{ none }} {{ None }}
{{ -1 }} {{ +1 }} {{ - 1 + 2 }} {{ -real }} {{ -3|abs }} {{ (-3)|abs }}
{% if yes %}a{% elif no %}b{% else %}c{% endif %}{% if no %}a{% elif yes %}b{% else %}c{% endif %}{% if no %}a{% elif no %}b{% else %}c{% endif %}
{% if missing %}a{% else %}b{% endif %}{% if empty_list %}a{% else %}b{% endif %}{% if empty_dict %}a{% else %}b{% endif %}{% if 0.0 %}a{% else %}b{% endif %}
{% for x in list %}{{ x }}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }};{% endfor %}
{% for x in list %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }}{{ loop.previtem is defined }}{{ loop.cycle('o', 'e') }};{% endfor %}
{% for x in [] %}a{% else %}none{% endfor %}{% for x in missing %}a{% else %}gone{% endfor %}{% for x in list %}{{ x }}{% else %}never{% endfor %}
{% for x in list if x > 1 %}{{ loop.index }}:{{ x }}/{{ loop.length }} {% endfor %}{% for x in list if x > 9 %}x{% else %}nothing{% endfor %}
{% for k, v in tool.items() %}{{ k }};{% endfor %}{% for k, v in pairs %}{{ k }}={{ v }};{% endfor %}{% for (k, v) in pairs %}{{ k }}{% endfor %}
{% for k in tool %}{{ k }};{% endfor %}{% for c in 'häß' %}{{ c }}.{% endfor %}{% for k in tool.keys() %}{{ k }}{% endfor %}{% for v in numbers.values() %}{{ v }}{% endfor %}
{% for x in nothing %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% for a, b in [[1, 2, 3]] %}{% endfor %}
{% for x in list %}{% for y in words %}{{ loop.index }}{{ loop.depth }}{% endfor %}{{ loop.index }}{% endfor %}
{% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}
{% for i in range(3) %}{{ i }}{% endfor %}{% for i in range(1, 4) %}{{ i }}{% endfor %}{% for i in range(5, 0, -2) %}{{ i }}{% endfor %}{{ range(3)|list }} {{ range(3)[1] }} {{ range(3)|length }}
{% for i in range(200000) %}{% endfor %}
{% set x = 1 %}{% for i in list %}{% set x = x + i %}{{ x }},{% endfor %}{{ x }}
{% for i in list %}{{ y }}{% set y = i %}{{ y }};{% endfor %}{{ y }}
{% set ns = namespace(n=0, t='') %}{% for i in list %}{% set ns.n = ns.n + i %}{% set ns.t = ns.t ~ i %}{% endfor %}{{ ns.n }}{{ ns.t }}{{ ns.missing }}{{ ns['n'] }}
{% set ns.x = 1 %}
{% set x = 1 %}{% set x.y = 1 %}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set c = 1, 2 %}{{ c }}{% set (d, e) = [3, 4] %}{{ d }}{{ e }}
{% set a, b = [1] %}
{% set t %}x{{ name }}y{% set inner = 1 %}{% endset %}{{ t }}{{ inner }}{% set u | upper | trim %}  abc {% endset %}[{{ u }}]
{% if yes %}{% set z = 5 %}{% endif %}{{ z }}{% if no %}{% set w = 5 %}{% endif %}{{ w }}{{ w is defined }}
{% macro m(a, b=2, c='x') %}{{ a }}-{{ b }}-{{ c }};{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c='y') }}{{ m(b=1, a=0) }}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1) }}{{ m(1)|length }}{{ m(1) + 'x' }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(d=2) }}
{% macro m(a) %}{{ a }}{{ name }}{{ g }}{% set a = 9 %}{{ a }}{% endmacro %}{% set g = 5 %}{{ m(1) }}{% set g = 6 %}{{ m(1) }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}
{% macro m() %}  x {% endmacro %}[{{ m() | trim }}]{% for i in list %}{{ m() }}{% endfor %}
{{ undefined_function() }}
{{ m() }}{% macro m() %}x{% endmacro %}
{% generation %}{{ name }}{% set q = 1 %}{% endgeneration %}{{ q }}
{{ '  a b '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ spaced|trim }}|{{ 5|trim }}|{{ missing|trim }}|{{ none|trim }}
{{ list|length }} {{ name|length }} {{ 'häß'|length }} {{ tool|length }} {{ missing|length }} {{ empty|count }} {{ (1, 2)|length }}
{{ none|length }}
{{ 5|length }}
{{ tool|tojson }}
{{ tool|tojson(indent=2) }}
{{ tool|tojson(indent=4) }} {{ []|tojson(indent=2) }} {{ {}|tojson(indent=1) }} {{ nested|tojson(indent=1) }}
{{ list|tojson }} {{ name|tojson }} {{ none|tojson }} {{ true|tojson }} {{ 1.0|tojson }} {{ (1, 'a')|tojson }} {{ {'b': 1, 'a': {}}|tojson(sort_keys=true) }} {{ [1, 2]|tojson(separators=(',', ':')) }} {{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}
{{ missing|tojson }}
{{ messages|tojson }}
{{ list|join }} {{ list|join(', ') }} {{ words|join('-') }} {{ 'abc'|join('.') }} {{ messages|join(',', attribute='role') }} {{ []|join('x') }}| {{ missing|join }}| {{ [1, none, true]|join(' ') }} {{ tool|join(',') }}
{{ 5|join }}
{{ name|upper }} {{ name|lower }} {{ 'hello wORLD-foo (bar'|title }} {{ 'hELLO wORLD'|capitalize }} {{ 5|upper }} {{ none|lower }}
{{ 'abab'|replace('a', 'x') }} {{ 'abab'|replace('a', 'x', 1) }} {{ 'ab'|replace('', '-') }} {{ 515|replace(5, 'x') }} {{ 'aaa'|replace('aa', 'b') }}
{{ 'abc'|list }} {{ tool|list }} {{ list|list }} {{ missing|list }} {{ (1, 2)|list }}
{{ messages|selectattr('role', 'equalto', 'user')|list|length }} {{ messages|selectattr('role', '==', 'user')|map(attribute='content')|list|length }} {{ messages|rejectattr('role', 'equalto', 'user')|map(attribute='role')|join(',') }} {{ messages|selectattr('tool_calls')|list }} {{ messages|selectattr('tool_calls', 'defined')|list }} {{ messages|selectattr('role', 'in', ['user', 'system'])|list|length }}
{{ list|select('odd')|list }} {{ list|reject('even')|list }} {{ [0, 1, '', 'a']|select|list }} {{ [0, 1]|reject|list }} {{ list|select('>', 1)|list }} {{ list|map('string')|list }} {{ words|map('upper')|join }} {{ messages|map(attribute='nope', default='-')|join }} {{ nested|map('length')|list }} {{ [{'a': {'b': 1}}]|map(attribute='a.b')|list }} {{ nested|map(attribute=0)|list }}
{{ (messages|selectattr('role', 'equalto', 'nobody')) is true }}{% if messages|selectattr('role', 'equalto', 'nobody') %}yes{% else %}no{% endif %}
{{ messages|selectattr('role', 'equalto', 'user')|length }}
{{ (list|map('string'))[0] }}|{{ list|map('string')|first }}
{{ list|map('string')|last }}
{{ missing|default('d') }} {{ empty|default('d') }}| {{ empty|default('d', true) }} {{ none|default('d') }} {{ none|d('e', boolean=true) }} {{ missing|default }}| {{ name|default('x') }} {{ tool.nope|default({}) }}
{{ list|first }} {{ list|last }} {{ 'abc'|first }} {{ 'abc'|last }} {{ []|first }}| {{ ''|last }}| {{ tool|first }}
{{ '5'|int }} {{ 'x'|int }} {{ 'x'|int(3) }} {{ 2.9|int }} {{ -2.9|int }} {{ ' 7 '|int }} {{ '2.5'|int }} {{ none|int }} {{ true|int }} {{ '2.5'|float }} {{ 'x'|float }} {{ 3|float }}
{{ missing|int }}
{{ missing|float }}
{{ 5|string + 'x' }} {{ none|string }} {{ list|string|length }} {{ 'x'|string }}
{{ list|reverse|list }} {{ 'häß'|reverse }} {{ numbers|dictsort }} {{ numbers|items|list }} {{ missing|items|list }}
{{ 'a\\n\\nb\\nc'|indent }} {{ 'a\\nb'|indent(2, true) }} {{ 'a\\n\\nb'|indent(1, blank=true) }} {{ 'a\\nb'|indent('>') }}
{{ '<a>'|safe }} {{ tool.name|tojson|safe }}
{{ 'a,b,c'.split(',') }} {{ 'a,b,c'.split(',', 1) }} {{ ' a  b '.split() }} {{ 'abc'.split('x') }} {{ 'a b c d'.split(none, 2) }} {{ ''.split(',') }} {{ ''.split() }} {{ 'a--b'.split('-') }} {{ 'abc'.split('b')[-1] }} {{ '</think>x</think>y'.split('</think>')[-1] }}
{{ 'a'.split('') }}
{{ '[' + '  x '.strip() + ']' }} {{ '[' + '  x '.lstrip() + ']' }} {{ '[' + '  x '.rstrip() + ']' }} {{ 'xyaxy'.strip('xy') }} {{ '\\n\\na'.lstrip('\\n') }} {{ spaced.strip() }} {{ 'éaé'.strip('é') }} {{ '\\u2028a\\u200b'.strip()|length }}
{{ name.startswith('A') }} {{ name.startswith('d') }} {{ name.endswith('a') }} {{ name.endswith(('x', 'a')) }} {{ name.startswith('') }} {{ ''.startswith('a') }}
{{ name.startswith(5) }}
{{ name.upper() }} {{ name.lower() }} {{ "they're bill's 3rd".title() }} {{ 'hELLO'.capitalize() }} {{ 'a-b-c'.replace('-', '+') }} {{ 'a-b-c'.replace('-', '+', 1) }} {{ 'abcb'.find('b') }} {{ 'abc'.find('x') }} {{ 'äb'.find('b') }} {{ 'abab'.count('ab') }} {{ 'ab'.count('') }} {{ '-'.join(['a', 'b']) }} {{ 'a\\nb\\r\\nc\\n'.splitlines() }} {{ '12'.isdigit() }} {{ ''.isdigit() }} {{ ' \\n'.isspace() }} {{ 'abc'.index('c') }}
{{ '-'.join([1]) }}
{{ 'abc'.index('x') }}
{{ 'a'.nope }}|
{{ tool.get('name') }} {{ tool.get('nope') }} {{ tool.get('nope', 'd') }} {{ tool.items()|list|length }} {{ numbers.keys()|list }} {{ numbers.values()|list }} {{ numbers.items()|length }} {{ list.index(2) }} {{ words.count('a') }}
{{ none.split() }}
{{ tool.nope() }}
{{ list.append(1) }}
{{ tool.update({}) }}
{{ name is defined }} {{ missing is defined }} {{ missing is not defined }} {{ missing is undefined }} {{ nothing is none }} {{ nothing is not none }} {{ missing is none }} {{ name is string }} {{ 5 is string }} {{ tool is mapping }} {{ list is mapping }}
{{ list is sequence }} {{ name is sequence }} {{ tool is sequence }} {{ 5 is sequence }} {{ missing is sequence }} {{ nothing is sequence }} {{ range(2) is sequence }} {{ numbers.items() is sequence }} {{ list is iterable }} {{ name is iterable }} {{ 5 is iterable }} {{ missing is iterable }} {{ nothing is iterable }} {{ numbers.items() is iterable }}
{{ 5 is number }} {{ 1.5 is number }} {{ true is number }} {{ 'a' is number }} {{ 5 is integer }} {{ true is integer }} {{ 1.5 is float }} {{ 5 is float }} {{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ 0 is false }}
{{ 3 is odd }} {{ 4 is even }} {{ -3 is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ 5 is eq 5 }} {{ 5 is equalto(6) }} {{ 5 is ne 6 }} {{ 3 is lt 4 }} {{ 3 is ge 4 }} {{ 1 is in [1, 2] }} {{ range is callable }} {{ name is callable }}
{{ messages.items is defined }} {{ tool.items is defined }} {{ tool['items'] is defined }} {{ raise_exception is defined }} {{ strftime_now is defined }} {{ name.upper is defined }}
{{ raise_exception('No!') }}
{% if no %}{{ raise_exception('No!') }}{% endif %}fine
{{ name is string and name is not none }} {{ not name is string }} {{ (name is string) == true }} {{ 'a' in name or name is defined }}
a{# comment {{ name }} #}b{#- c -#} d {#- e #}  f
{%- if yes %}  x  {%- endif -%}  y  {{- name -}}  z
{% raw %}{{ not }} {% if %}{% endraw %} {%- raw -%} a {{ b }} {%- endraw -%} c
{%+ if yes %}x{%+ endif %}  {{ name }}
{{ '}}' }} {{ "%}" }} {% set d = {'a': {'b': 1}} %}{{ d.a.b }}{{ {'x': {'y': 2}}['x']['y'] }}
{{ dict(a=1, b='x') }} {{ namespace(a=1).a }}
{{ 1 if true else missing.x }} {{ true or missing.x }} {{ false and missing.x }}
{{ name if name else 'x' ~ 'y' }} {{ 'a' if yes else 'b' if no }} {{ [1 if yes else 2, 3] }}
{{ (1, 2) + (3,) }} {{ [1] + [2] }} {{ 'a' ~ 'b' in 'xaby' }} {{ 1 + 1 == 2 and 2 in list }} {{ 2 * 3 ~ 4 }}
{{ [1] + (2,) }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 5 % 0 }}
{{ list.0 }} {{ list.7 }}| {{ messages[-1].content }} {{ messages[1]['role'] ~ ':' ~ messages[1].content }} {{ messages[-1]['content'][:2] }}
{% for message in messages %}{{ message == messages[-1] }}{{ loop.index0 == messages|length - 1 }};{% endfor %}
{% for message in messages[::-1] %}{% set index = (messages|length - 1) - loop.index0 %}{{ index }}{{ message.role }};{% endfor %}
{% set content = messages[2].content %}{% if '</think>' in content %}{{ content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}|{{ content.split('</think>')[-1].lstrip('\\n') }}{% endif %}
{% set messages = messages[1:] %}{{ messages|length }}{% if messages[0]['role'] == 'system' %}s{% endif %}
{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate after ' ~ m.role) }}{% endif %}{% endfor %}
{{ nothing | default('x', true) | upper ~ 'z' }} {{ 'a' | upper | lower + 'B' }} {{ -1 | abs }}
{{ name
{{ name }
{% if yes %}
{% endif %}
{% for %}{% endfor %}
{{ }}
{{ 'abc }}
{{ (1 }}
{% else %}
{{ a b }}
{{ 1 is }}
{{ 'a' | }}
{{ |upper }}
{% set = 1 %}
{% set 1 = 1 %}
{% unknown %}
{# open
{% break %}
{{ f(a=1, 2) }}
{{ x.1a }}
""".strip("\n").split("\n")

# Templates of several lines, where white space is what is tested.
BLOCKS = [
    "a\n{% if yes %}\n  b\n{% endif %}\nc\n", "a\n  {% if yes %}\n  b\n  {% endif %}  \nc", "  {% if yes %}x{% endif %}\n\n",
    "{% if yes %}\n\n\nx{% endif %}", "a  {% if yes %}  b{% endif %}", "\t{# c #}\nx\n", "x {# c #}\ny", "  {{ name }}  \n  {{ name }}\n\n",
    "{{ name }}\n{{ name }}", "{% for x in list %}\n  - {{ x }}\n{% endfor %}\nend\n", "{%- for x in list %}\n  - {{ x }}\n{%- endfor %}\nend\n\n",
    "{% for x in list -%}\n  - {{ x }}\n{% endfor -%}\n  end", "a\r\nb{% if yes %}\r\nc\r{% endif %}d\r\n", "a\n{%+ if yes %}\n b\n {%+ endif %}\n",
    "{% if yes +%}\nb{% endif %}", "{% set x %}\n a\n{% endset %}[{{ x }}]", "{# a #}{# b #}\n{% if yes %}\n{# c #}\n{% endif %}\n!",
    "\u00a0{% if yes %}x{% endif %}", "x\u2003{%- if yes %}y{% endif %}", "{% macro m(a) %}\n  <{{ a }}>\n{% endmacro %}\n{{ m(1) }}\n{{- m(2) }}\n",
    "{{ 'a\nb' }}", "{%- set x = [\n  1,\n  2\n] -%}\n{{ x }}", "{% raw %}\n x\n{% endraw %}\ny", "  {% raw %}x{% endraw %}", "\n\n{{ name }}\n\n\n",
    "{% if yes %}{% endif %}\n{% if yes %}{% endif %}\n", "{{ name -}}\n\n x {{- name }}", "{{- name }}  {% if yes %} {{ name }}{% endif %}",
]


def golden(source):
    try:
        return {"source": source, "text": _compile_jinja_template(source).render(**VARIABLES)}
    except Exception:  # whatever Python raises, the template is refused
        return {"source": source, "error": True}


def main(check):
    lines = [VARIABLES] + [golden(source) for source in SNIPPETS + BLOCKS]
    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    path = pathlib.Path(__file__).parent / "testdata" / "jinja_snippets.jsonl"
    if check:
        if path.read_text(encoding="utf-8") != text:
            sys.exit(f"{path.name} is not what this reference gives")
    else:
        path.write_text(text, encoding="utf-8")
    print(f"{len(lines) - 1} snippets, {sum('error' in line for line in lines[1:])} of them refused")


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    main(check=bool(sys.argv[1:]))
