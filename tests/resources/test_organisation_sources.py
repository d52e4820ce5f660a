"""Where an organisation is kept: one suite for memory, Redis and an LDAP directory, read as distribution reads them."""

from collections.abc import Iterator
from typing import Any, Protocol

import fakeredis
import pytest
from ldap3 import MOCK_SYNC, MODIFY_REPLACE, OFFLINE_SLAPD_2_4, Connection, Server

from deploy.ldap_people import LdapConfigurationInvalid, LdapPeople, connecting, read_configuration
from engine.errors import Unavailable
from engine.resources.directory import Directory
from engine.resources.organisation import Absence, Organisation, OrgUnit, Participant, Unit, organisation_of
from engine.resources.outside import OrganisationSource, follow
from engine.store.memory_registry import MemoryRegistry
from engine.store.redis_registry import RedisRegistry
from engine.store.registry import Registry

DC = "dc=example,dc=org"
LAYOUT = f"""
url: ldap://ldap.example.org
people: {{base: "ou=people,{DC}", filter: "(objectClass=inetOrgPerson)", manager: manager}}
roles: {{base: "ou=roles,{DC}"}}
groups: {{base: "ou=groups,{DC}"}}
"""


class Kept(Protocol):
    """An organisation that is kept somewhere, and how one enters somebody there."""

    source: OrganisationSource

    def enter(self, name: str, *roles: str, group: str = "staff", manager: str = "") -> None: ...

    def remove(self, name: str) -> None: ...


class InRegistry:
    """Entered over the API."""

    def __init__(self, registry: Registry) -> None:
        self.source: OrganisationSource = registry
        self._registry = registry

    def enter(self, name: str, *roles: str, group: str = "staff", manager: str = "") -> None:
        self._registry.put_unit(Unit.POSITIONS, OrgUnit(name, parent=manager or None))
        self._registry.put_participant(
            Participant(
                name, name.title(), roles=roles, groups=(group,), positions=(name,), email=f"{name}@example.org"
            )
        )

    def remove(self, name: str) -> None:
        self._registry.delete_participant(name)


class InLdap:
    """Entered in an LDAP directory: the one that the library keeps in memory for tests, with the schema of slapd."""

    def __init__(self) -> None:
        server = Server("ldap.example.org", get_info=OFFLINE_SLAPD_2_4)
        self._connection = Connection(server, client_strategy=MOCK_SYNC, raise_exceptions=True)
        self._connection.bind()
        self.source: OrganisationSource = LdapPeople(read_configuration(LAYOUT, "ldap.yaml"), self._bound)
        self._members: dict[str, set[str]] = {}
        for unit in ("people", "roles", "groups"):
            self._connection.strategy.add_entry(f"ou={unit},{DC}", {"objectClass": "organizationalUnit", "ou": unit})

    def _bound(self) -> Any:
        self._connection.bind()
        return self._connection

    def enter(self, name: str, *roles: str, group: str = "staff", manager: str = "") -> None:
        dn = self._dn(name)
        self._bound()
        self._connection.strategy.remove_entry(dn)
        attributes = {"uid": name, "cn": name.title(), "sn": name, "mail": f"{name}@example.org"}
        if manager:
            attributes["manager"] = self._dn(manager)
        self._connection.strategy.add_entry(dn, {"objectClass": "inetOrgPerson", **attributes})
        for unit in {*self._members, *(f"cn={role},ou=roles,{DC}" for role in roles), f"cn={group},ou=groups,{DC}"}:
            members = self._members.setdefault(unit, set())
            belongs = unit == f"cn={group},ou=groups,{DC}" or unit in {f"cn={role},ou=roles,{DC}" for role in roles}
            (members.add if belongs else members.discard)(dn)
            self._connection.strategy.remove_entry(unit)
            self._connection.strategy.add_entry(
                unit,
                {
                    "objectClass": "groupOfNames",
                    "cn": unit.split(",")[0][3:],
                    "member": sorted(members) or [f"cn=nobody,{DC}"],
                },
            )

    def remove(self, name: str) -> None:
        self._bound()
        self._connection.strategy.remove_entry(self._dn(name))

    def rename(self, name: str, called: str) -> None:
        self._bound()
        self._connection.modify(self._dn(name), {"cn": [(MODIFY_REPLACE, [called])]})

    def _dn(self, name: str) -> str:
        return f"uid={name},ou=people,{DC}"


@pytest.fixture(params=["memory", "fakeredis", "redis", "ldap"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "ldap":
        yield InLdap()
    elif request.param == "memory":
        yield InRegistry(MemoryRegistry(lambda: 1))
    else:
        client: Any = fakeredis.FakeRedis() if request.param == "fakeredis" else request.getfixturevalue("redis_client")
        client.flushall()
        yield InRegistry(RedisRegistry(client))


def having(directory: Directory, role: str) -> list[str]:
    index = directory.index()
    return index.names(index.having(Unit.ROLES, role))


def test_people_are_known_by_what_is_said_of_them(kept: Kept) -> None:
    kept.enter("ann", "clerk", "buyer", group="sales")
    person = Directory(kept.source).now().participants["ann"]
    assert (person.name, person.email, set(person.roles)) == ("Ann", "ann@example.org", {"buyer", "clerk"})
    assert (person.groups, person.positions) == (("sales",), ("ann",))


def test_who_is_entered_changed_and_removed_is_so_in_the_next_question(kept: Kept) -> None:
    directory = Directory(kept.source)
    assert having(directory, "clerk") == []
    kept.enter("ann", "clerk")
    kept.enter("bob", "clerk")
    assert having(directory, "clerk") == ["ann", "bob"]
    kept.enter("ann", "buyer")
    assert (having(directory, "clerk"), having(directory, "buyer")) == (["bob"], ["ann"])
    kept.remove("bob")
    assert having(directory, "clerk") == [] and "bob" not in directory.now().participants


def test_reporting_lines_lead_up(kept: Kept) -> None:
    kept.enter("eve")
    kept.enter("ann", manager="eve")
    index = Directory(kept.source).index()
    assert index.names(index.holding_above("ann")) == ["eve"]
    assert index.names(index.holding_below("eve")) == ["ann"]


def test_the_version_differs_whenever_anything_does(kept: Kept) -> None:
    versions = [kept.source.organisation_version()]
    kept.enter("ann", "clerk")
    versions.append(kept.source.organisation_version())
    kept.enter("ann", "buyer")
    versions.append(kept.source.organisation_version())
    kept.remove("ann")
    versions.append(kept.source.organisation_version())
    assert len(set(versions)) == 4
    assert kept.source.organisation_version() == versions[-1]


def test_many_people_are_all_found(kept: Kept) -> None:
    for number in range(30):
        kept.enter(f"p{number:02}", "clerk")
    assert having(Directory(kept.source), "clerk") == [f"p{number:02}" for number in range(30)]


# -- an outside directory that is followed -------------------------------------------------------------------------


def followed(registry: MemoryRegistry, outside: Organisation) -> list[str]:
    """Follows once; the ids of those who changed or are gone."""
    changes = follow(outside, registry.organisation(), "ldap")
    registry.put_organisation(changes.participants, changes.units)
    for name in changes.gone:
        registry.delete_participant(name)
    return [*(person.id for person in changes.participants), *changes.gone]


def test_what_only_this_system_knows_of_somebody_stays() -> None:
    registry, away = MemoryRegistry(lambda: 1), Absence(5, 9)
    registry.put_participant(Participant("ann", "A.", roles=("old",), absences=(away,), max_workload=3))
    outside = organisation_of(
        1, [Participant("ann", "Ann", roles=("clerk",))], [(Unit.ROLES, OrgUnit("clerk", "Clerk"))]
    )
    assert followed(registry, outside) == ["ann"]
    ann = registry.participants()[0]
    assert (ann.name, ann.roles, ann.absences, ann.max_workload) == ("Ann", ("clerk",), (away,), 3)
    assert registry.units(Unit.ROLES) == [OrgUnit("clerk", "Clerk")]
    assert followed(registry, outside) == []


def test_only_who_came_from_outside_goes_with_it() -> None:
    registry = MemoryRegistry(lambda: 1)
    registry.put_participant(Participant("admin"))
    followed(registry, organisation_of(1, [Participant("ann"), Participant("bob")]))
    assert followed(registry, organisation_of(2, [Participant("ann")])) == ["bob"]
    assert [person.id for person in registry.participants()] == ["admin", "ann"]


def test_an_outside_in_which_nobody_is_removes_nobody() -> None:
    registry = MemoryRegistry(lambda: 1)
    followed(registry, organisation_of(1, [Participant("ann")]))
    assert followed(registry, organisation_of(2, [])) == []


def test_a_directory_that_is_away_is_said_to_be_so() -> None:
    layout = read_configuration(LAYOUT.replace("ldap.example.org", "127.0.0.1:1"), "ldap.yaml")
    with pytest.raises(Unavailable, match="does not answer"):
        LdapPeople(layout, connecting(layout, {})).organisation()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("url: x", "people"),
        ("url: x\npeople: {base: y, colour: z}", "colour"),
        ("- 1", "object"),
        ("a: [", "while parsing"),
    ],
)
def test_a_layout_that_cannot_be_used_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(LdapConfigurationInvalid, match=said):
        read_configuration(text, "ldap.yaml")


def test_a_password_that_is_missing_is_named() -> None:
    layout = read_configuration(LAYOUT + 'bind: {dn: "cn=reader", password_env: LDAP_PASSWORD}\n', "ldap.yaml")
    with pytest.raises(LdapConfigurationInvalid, match="LDAP_PASSWORD"):
        connecting(layout, {})
