"""People of an LDAP directory as an organisation, by the library ldap3 (the extra `casewright[ldap]`).

How a directory is laid out differs, so a file says where people stand and what their attributes are called:

    url: ldaps://ldap.example.org
    bind: {dn: "cn=reader,dc=example,dc=org", password_env: LDAP_PASSWORD}
    people: {base: "ou=people,dc=example,dc=org", filter: "(objectClass=inetOrgPerson)", id: uid, name: cn, email: mail,
             manager: manager}
    roles:  {base: "ou=roles,dc=example,dc=org", filter: "(objectClass=groupOfNames)", id: cn, members: member}
    groups: {base: "ou=groups,dc=example,dc=org", filter: "(objectClass=groupOfNames)", id: cn, members: member}

Members and managers are names of entries (DN) or ids of people. Where people have a `manager`, each holds a position of
his own, named as he is, which reports to the manager's.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from engine.errors import Unavailable
from engine.resources.organisation import Organisation, OrgUnit, Participant, Unit, organisation_of
from engine.resources.outside import OrganisationChanges

PAGE = 500
"""Entries that are asked for at once: most servers give no more than a thousand."""

MOST_ENTRIES = 1_000_000
TIMEOUT_S = 30

Attributes = Mapping[str, list[str]]


class LdapConfigurationInvalid(Exception):
    """The file does not say how to read a directory."""


class Bind(Struct, frozen=True, forbid_unknown_fields=True):
    """Who asks, and the environment variable that has his password. Without it nobody is named."""

    dn: str
    password_env: str


class PeopleEntries(Struct, frozen=True, forbid_unknown_fields=True):
    """Where people stand, and what their attributes are called."""

    base: str
    filter: str = "(objectClass=person)"
    id: str = "uid"
    name: str = "cn"
    email: str = "mail"
    manager: str | None = None


class UnitEntries(Struct, frozen=True, forbid_unknown_fields=True):
    """Where roles or groups stand, and what their attributes are called."""

    base: str
    filter: str = "(objectClass=groupOfNames)"
    id: str = "cn"
    name: str = "description"
    members: str = "member"


class LdapConfiguration(Struct, frozen=True, forbid_unknown_fields=True):
    """How a directory is read."""

    url: str
    people: PeopleEntries
    bind: Bind | None = None
    roles: UnitEntries | None = None
    groups: UnitEntries | None = None


def read_configuration(text: str, name: str) -> LdapConfiguration:
    """The configuration of a file (YAML or JSON). Raises `LdapConfigurationInvalid`."""
    try:
        return msgspec.convert(YAML(typ="safe", pure=True).load(text), LdapConfiguration)
    except (YAMLError, msgspec.ValidationError) as error:
        raise LdapConfigurationInvalid(f"{name}: {' '.join(str(error).split())}") from None


def configuration_in(file: Path) -> LdapConfiguration:
    """The configuration of a file. Raises `LdapConfigurationInvalid`, also where it cannot be read."""
    try:
        return read_configuration(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise LdapConfigurationInvalid(f"{file} cannot be read: {error}") from None


def connecting(configuration: LdapConfiguration, environment: Mapping[str, str]) -> Callable[[], Any]:
    """Gives connections to the directory. Raises `LdapConfigurationInvalid` without the library or the password."""
    try:
        ldap3 = import_module("ldap3")
    except ImportError:
        raise LdapConfigurationInvalid('LDAP needs the library ldap3: install "casewright[ldap]"') from None
    bind, password = configuration.bind, None
    if bind is not None:
        password = environment.get(bind.password_env)
        if not password:
            raise LdapConfigurationInvalid(f"bind.password_env: there is no variable {bind.password_env}")
    server = ldap3.Server(configuration.url, connect_timeout=TIMEOUT_S)
    user = bind.dn if bind is not None else None
    return lambda: ldap3.Connection(
        server, user, password, auto_bind=True, read_only=True, receive_timeout=TIMEOUT_S, raise_exceptions=True
    )


class LdapPeople:
    """An organisation as an LDAP directory has it. `connect` gives a connection that is bound."""

    def __init__(self, configuration: LdapConfiguration, connect: Callable[[], Any]) -> None:
        self._configuration = configuration
        self._connect = connect
        self._known = Organisation(0)

    def organisation_version(self) -> int:
        """A number that counts the readings in which anything was not as in the one before."""
        return self.organisation().version

    def organisation(self) -> Organisation:
        """All people, roles and groups, as they are now. Raises `Unavailable`."""
        found = self._read()
        if (found.participants, found.units) != (self._known.participants, self._known.units):
            self._known = Organisation(self._known.version + 1, found.participants, found.units)
        return self._known

    def organisation_changes(self, since: int) -> OrganisationChanges | None:
        """A directory does not say what changed: all is to be read anew."""
        return None

    def _read(self) -> Organisation:
        exceptions = import_module("ldap3.core.exceptions")
        try:
            connection = self._connect()
            try:
                return self._organisation(connection)
            finally:
                connection.unbind()
        except exceptions.LDAPException as error:
            raise Unavailable(f"the directory {self._configuration.url} does not answer: {error}") from error

    def _organisation(self, connection: Any) -> Organisation:
        people = self._configuration.people
        wanted = [people.id, people.name, people.email, *([people.manager] if people.manager else [])]
        entries = dict(_entries(connection, people.base, people.filter, wanted))
        ids = {dn.lower(): values[people.id][0] for dn, values in entries.items() if values.get(people.id)}
        roles = self._members(connection, self._configuration.roles, ids)
        groups = self._members(connection, self._configuration.groups, ids)
        units = [(Unit.ROLES, unit) for unit in roles] + [(Unit.GROUPS, unit) for unit in groups]
        found = []
        for dn, values in entries.items():
            name = ids.get(dn.lower())
            if name is None:
                continue
            positions: tuple[str, ...] = ()
            if people.manager:
                positions = (name,)
                manager = _first(values, people.manager)
                units.append((Unit.POSITIONS, OrgUnit(name, parent=ids.get(manager.lower(), manager) or None)))
            found.append(
                Participant(
                    name,
                    _first(values, people.name),
                    roles=tuple(sorted(role.id for role, members in roles.items() if name in members)),
                    groups=tuple(sorted(group.id for group, members in groups.items() if name in members)),
                    positions=positions,
                    email=_first(values, people.email),
                )
            )
        return organisation_of(0, found, units)

    def _members(
        self, connection: Any, entries: UnitEntries | None, ids: Mapping[str, str]
    ) -> dict[OrgUnit, frozenset[str]]:
        """Roles or groups with the ids of those who belong to them."""
        if entries is None:
            return {}
        wanted, units = [entries.id, entries.name, entries.members], dict[OrgUnit, frozenset[str]]()
        for _, values in _entries(connection, entries.base, entries.filter, wanted):
            if values.get(entries.id):
                members = frozenset(ids.get(member.lower(), member) for member in values.get(entries.members, []))
                units[OrgUnit(values[entries.id][0], _first(values, entries.name))] = members
        return units


def _entries(connection: Any, base: str, query: str, wanted: list[str]) -> Iterator[tuple[str, Attributes]]:
    """What a search finds, each entry with its name."""
    found = connection.extend.standard.paged_search(base, query, attributes=wanted, paged_size=PAGE, generator=True)
    for number, entry in enumerate(found):
        if number >= MOST_ENTRIES:
            raise Unavailable(f"the directory gives more than {MOST_ENTRIES} entries below {base}: narrow the filter")
        if entry.get("type", "searchResEntry") == "searchResEntry":
            yield entry["dn"], {name: _texts(value) for name, value in entry["attributes"].items()}


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [each.decode(errors="replace") if isinstance(each, bytes) else str(each) for each in listed]


def _first(values: Attributes, name: str) -> str:
    return next(iter(values.get(name, [])), "")
