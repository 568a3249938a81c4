#!/usr/bin/env python3
"""What Django knows of the reference application's models, as JSON: the yardstick of tests/django_models.rs.

    python models.py ORACLE_FOLDER >models.json       needs Django, as the reference application does
"""
import json
import os
import sys

sys.path.insert(0, sys.argv[1])
os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')

import django

django.setup()

from django.apps import apps
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models as m

KINDS = {
    'AutoField': 'integer', 'BigAutoField': 'big', 'BigIntegerField': 'big', 'BooleanField': 'boolean',
    'CharField': 'char', 'DateField': 'date', 'DateTimeField': 'datetime', 'DecimalField': 'decimal',
    'DurationField': 'duration', 'FileField': 'char', 'FloatField': 'float', 'GenericIPAddressField': 'inet',
    'ImageField': 'char', 'IntegerField': 'integer', 'JSONField': 'json', 'PositiveIntegerField': 'integer',
    'PositiveSmallIntegerField': 'small', 'SlugField': 'char', 'SmallIntegerField': 'small', 'TextField': 'text',
    'TimeField': 'time', 'UUIDField': 'uuid',
}
FORMATS = [
    (m.EmailField, lambda f: 'email'), (m.SlugField, lambda f: 'slug'), (m.URLField, lambda f: 'url'),
    (m.GenericIPAddressField, lambda f: f.protocol.lower()), (m.ImageField, lambda f: 'image ' + f.upload_to),
    (m.FileField, lambda f: 'file ' + f.upload_to),
]


def limit(field, kind):
    # the ranges of the database's types are added to every integer field: those of the model are whole and small
    found = [v.limit_value for v in field._validators if isinstance(v, kind)]
    return str(found[0]) if found else None


def choices(field):
    return [[group, [list(pair) for pair in pairs]] if isinstance(pairs, (list, tuple)) else [group, pairs]
            for group, pairs in field.choices or []]


def default(field):
    if not field.has_default():
        return None
    value = field.get_default()
    if isinstance(value, (bool, int, str, list, dict)):
        return {'value': value}
    return {'made': type(value).__name__}


def column(field):
    text = isinstance(field, (m.CharField, m.TextField))
    target = field.target_field if field.is_relation else field
    described = {
        'name': field.name,
        'column': field.column,
        # migrations number join tables by the project's kind of key, whatever the application says
        'kind': 'big' if field.model._meta.auto_created and field.primary_key else KINDS[target.get_internal_type()],
        'format': next((say(field) for kind, say in FORMATS if isinstance(field, kind)), None),
        'max_length': field.max_length if text or isinstance(field, m.FileField) else None,
        'digits': [field.max_digits, field.decimal_places] if isinstance(field, m.DecimalField) else None,
        'positive': field.get_internal_type().startswith('Positive'),
        'min_value': limit(field, MinValueValidator),
        'max_value': limit(field, MaxValueValidator),
        'choices': choices(field),
        'verbose_name': str(field.verbose_name),
        'help_text': str(field.help_text),
        'null': field.null,
        # what serializers make of it
        'optional': field.has_default() or field.blank or field.null,
        'allow_blank': text and field.blank,
        'unique': field.unique and not field.primary_key,
        'key': field.primary_key,
        'editable': field.editable,
        'default': default(field),
        'auto_now': 'add' if getattr(field, 'auto_now_add', 0) else 'save' if getattr(field, 'auto_now', 0) else None,
        'unique_message': str(getattr(field, '_error_messages', None) and field._error_messages.get('unique') or ''),
    }
    if field.is_relation:
        described |= {
            'to': field.related_model._meta.db_table,
            'to_column': target.column,
            'on_delete': field.remote_field.on_delete.__name__,
            # what ends so leads nowhere
            'related_name': (field.remote_field.related_name or '').removesuffix(f'{field.model.__name__}+'),
            'one_to_one': field.one_to_one,
        }
    return described


def many(field):
    return {
        'name': field.name,
        'verbose_name': str(field.verbose_name),
        'help_text': str(field.help_text),
        'blank': field.blank,
        'to': field.related_model._meta.db_table,
        'table': field.m2m_db_table(),
        'from_column': field.m2m_column_name(),
        'to_column': field.m2m_reverse_name(),
        'related_name': field.remote_field.related_name,
    }


def condition(q):
    return [[name, value] for name, value in q.children] if q else None


def constraint(c):
    own = c.violation_error_message != c.default_violation_error_message
    return {
        'name': c.name,
        'columns': list(c.fields),
        'condition': condition(c.condition),
        'message': c.violation_error_message if own else None,
        'code': c.violation_error_code,
    }


def model(cls):
    meta = cls._meta
    fields = meta.concrete_fields
    unique_for = [[f.name, getattr(f, f'unique_for_{period}'), period]
                  for f in fields for period in ('date', 'month', 'year') if getattr(f, f'unique_for_{period}')]
    names = {} if meta.auto_created else {
        'name': meta.object_name,
        'app_label': meta.app_label,
        'verbose_name': str(meta.verbose_name),
        'verbose_name_plural': str(meta.verbose_name_plural),
    }
    return names | {
        # an order by way of other tables has no counterpart
        'ordering': [name for name in meta.ordering if '__' not in name and not any('__' in n for n in meta.ordering)],
        'columns': [column(f) for f in fields if not f.is_relation],
        'relations': [column(f) for f in fields if f.is_relation],
        'many_to_many': [many(f) for f in meta.many_to_many],
        'unique_together': [list(names) for names in meta.unique_together],
        'constraints': [constraint(c) for c in meta.constraints],
        'unique_for': unique_for,
    }


def brief(said):
    """Without what is empty."""
    if isinstance(said, dict) and 'value' not in said:
        return {name: brief(value) for name, value in said.items() if value not in (None, False, '', [])}
    return [brief(value) for value in said] if isinstance(said, list) else said


found = {cls._meta.db_table: model(cls) for cls in apps.get_models(include_auto_created=True) if not cls._meta.proxy}
json.dump(brief(found), sys.stdout, indent=1, ensure_ascii=False)
print()
