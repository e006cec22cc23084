"""Accounts, lists and contacts: everything that changes them, in bulk and in short transactions.

Every change moves the list's `modified_ms` in the same transaction, so that `tsLastModified` is always true.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from django.db import transaction
from django.db.models import F

from sandbox.models import DATABASE, Account, Contact, ContactList
from sandbox.rows import HEADERS, Values, email_of, read_values, sample

BATCH = 5_000  # contacts that one transaction writes, so that API calls need not wait long for the lock
FIRST_LISTS = {"Customers": 5, "Newsletter": 4, "Trade fair": 3}
STATEMENT_ROWS = 500
T = TypeVar("T")


class Missing(LookupError):
    """There is no such account, list or contact; the text says which."""


class MissingList(Missing):
    """There is no such list."""


def account_named(name: str) -> Account:
    """Raises Missing."""
    account = Account.objects.filter(name=name).first()
    if account is None:
        raise Missing(f"There is no account {name}")
    return account


def account_for(name: str) -> Account:
    """The account with that name, made with a few lists and contacts where it is new."""
    account = Account.objects.filter(name=name).first()
    if account is not None:
        return account
    with transaction.atomic(using=DATABASE):
        account, made = Account.objects.get_or_create(name=name)
        if made:
            for list_name, count in FIRST_LISTS.items():
                generate(add_list(account, list_name), count)
    return account


def list_of(account: Account, list_id: str) -> ContactList:
    """Raises MissingList."""
    contact_list = ContactList.objects.filter(account=account, list_id=list_id).first()
    if contact_list is None:
        raise MissingList(f"There is no list {list_id} in account {account.name}")
    return contact_list


def add_list(account: Account, name: str, headers: Sequence[str] = HEADERS) -> ContactList:
    """A new, empty list with the account's next list id."""
    with transaction.atomic(using=DATABASE):
        Account.objects.filter(pk=account.pk).update(next_list=F("next_list") + 1)
        number = Account.objects.values_list("next_list", flat=True).get(pk=account.pk) - 1
        now = account.now_ms()
        return ContactList.objects.create(
            account=account,
            list_id=f"l-{number:04d}",
            name=name,
            headers=list(headers),
            created_ms=now,
            modified_ms=now,
        )


def generate(contact_list: ContactList, count: int) -> list[int]:
    """Add invented contacts; returns their record numbers."""
    first = ContactList.objects.values_list("next_record", flat=True).get(pk=contact_list.pk)
    return add(contact_list, [sample(number, contact_list.headers) for number in range(first, first + count)])


def add(contact_list: ContactList, added: Iterable[Values], *, list_modified_ms: int | None = None) -> list[int]:
    """Add contacts; returns their record numbers. `list_modified_ms` stands in for now as the list's own date."""
    records: list[int] = []
    for batch in _batches(added, BATCH):
        with transaction.atomic(using=DATABASE):
            current = ContactList.objects.select_related("account").get(pk=contact_list.pk)
            now = current.account.now_ms()
            numbered = list(enumerate(batch, current.next_record))
            Contact.objects.bulk_create(
                [_new(current, record, values, now) for record, values in numbered], batch_size=STATEMENT_ROWS
            )
            current.next_record += len(numbered)
            current.modified_ms = now if list_modified_ms is None else list_modified_ms
            current.save(update_fields=["next_record", "modified_ms"])
            records += [record for record, _values in numbered]
    return records


def _new(contact_list: ContactList, record: int, values: Values, now: int) -> Contact:
    cells = [values.cells.get(name, "") for name in contact_list.headers]
    created = values.created_ms if values.created_ms is not None else now
    if values.modified_ms is not None and values.created_ms is None:
        created = min(created, values.modified_ms)
    return Contact(
        contact_list=contact_list,
        record=record,
        email=email_of(contact_list.headers, cells),
        cells=cells,
        created_ms=created,
        modified_ms=values.modified_ms if values.modified_ms is not None else created,
    )


def change(contact_list: ContactList, changes: Mapping[int, Values], *, list_modified_ms: int | None = None) -> int:
    """Change contacts by record number; returns how many. Raises Missing where one does not exist."""
    for batch in _batches(changes.items(), BATCH):
        with transaction.atomic(using=DATABASE):
            current = ContactList.objects.select_related("account").get(pk=contact_list.pk)
            now = current.account.now_ms()
            wanted = dict(batch)
            found = list(_by_record(current, wanted))
            if len(found) < len(wanted):
                missing = sorted(set(wanted) - {contact.record for contact in found})
                raise Missing(f"There is no contact {missing[0]} in list {current.list_id}")
            for contact in found:
                _apply(contact, wanted[contact.record], current.headers, now)
            # As an upsert one statement writes many rows; bulk_update would build a CASE for each of them.
            Contact.objects.bulk_create(
                found,
                batch_size=STATEMENT_ROWS,
                update_conflicts=True,
                unique_fields=["id"],
                update_fields=["email", "cells", "created_ms", "modified_ms"],
            )
            _touch(current, now if list_modified_ms is None else list_modified_ms)
    return len(changes)


def _by_record(contact_list: ContactList, records: Iterable[int]) -> Iterator[Contact]:
    for batch in _batches(records, STATEMENT_ROWS):
        yield from Contact.objects.filter(contact_list=contact_list, record__in=batch)


def _apply(contact: Contact, values: Values, headers: Sequence[str], now: int) -> None:
    by_name = dict(zip(headers, contact.cells, strict=True)) | values.cells
    contact.cells = [by_name[name] for name in headers]
    contact.email = email_of(headers, contact.cells)
    contact.modified_ms = now if values.modified_ms is None else values.modified_ms
    if values.created_ms is not None:
        contact.created_ms = values.created_ms


def change_first(contact_list: ContactList, count: int) -> int:
    """Change `count` contacts, adding invented ones until there are so many; returns how many were changed."""
    have = list(contact_list.contacts.order_by("record").values_list("record", flat=True)[:count])
    have += generate(contact_list, count - len(have))
    now = contact_list.account.now_ms()
    column = contact_list.headers[-1]
    return change(contact_list, {record: Values({column: f"Changed {now}-{record}"}) for record in have})


def remove(contact_list: ContactList, records: Iterable[int], *, list_modified_ms: int | None = None) -> int:
    """Delete contacts by record number; returns how many there were."""
    removed = 0
    for batch in _batches(records, STATEMENT_ROWS):
        with transaction.atomic(using=DATABASE):
            current = ContactList.objects.select_related("account").get(pk=contact_list.pk)
            gone, _by_model = Contact.objects.filter(contact_list=current, record__in=batch).delete()
            if gone:
                _touch(current, current.account.now_ms() if list_modified_ms is None else list_modified_ms)
            removed += gone
    return removed


def _touch(contact_list: ContactList, modified_ms: int) -> None:
    contact_list.modified_ms = modified_ms
    contact_list.save(update_fields=["modified_ms"])


def record_number(text: str, list_id: str) -> int:
    """The number of `12` or `l-0001:12`. Raises Missing for anything else."""
    number = text.removeprefix(f"{list_id}:")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise Missing(f"There is no contact {text} in list {list_id}")
    return int(number)


def move(account: Account, list_id: str, operations: Mapping[str, object]) -> None:
    """Move data under a reader's feet: `{"list", "add": [{...}], "change": {"12": {...}}, "delete": [13]}`.

    Without operations one contact is added, the newest is changed and the oldest deleted.
    Raises Missing and BadContact for operations that cannot be done.
    """
    with transaction.atomic(using=DATABASE):
        contact_list = list_of(account, str(operations.get("list") or list_id))
        added, changed, deleted = (operations.get(key) for key in ("add", "change", "delete"))
        if added is None and changed is None and deleted is None:
            _move_a_little(contact_list)
            return
        if isinstance(deleted, list):
            remove(contact_list, [record_number(str(record), contact_list.list_id) for record in deleted])
        if isinstance(changed, dict):
            change(
                contact_list,
                {
                    record_number(str(record), contact_list.list_id): read_values(values, contact_list.headers)
                    for record, values in changed.items()
                },
            )
        if isinstance(added, list):
            add(contact_list, [read_values(values, contact_list.headers) for values in added])


def _move_a_little(contact_list: ContactList) -> None:
    records = list(contact_list.contacts.order_by("record").values_list("record", flat=True))
    if records:
        column = contact_list.headers[-1]
        change(contact_list, {records[-1]: Values({column: f"Moved {contact_list.account.now_ms()}"})})
        remove(contact_list, records[:1])
    generate(contact_list, 1)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
