"""The JSON Schemas of what people write take what scmguard takes, and refuse what it refuses."""

import copy
import datetime
import json
import os
import re

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scmguard import assets, rulebook, rulefile, settings
from scmguard.baseline import file as baseline_file
from scmguard.checks import PREDICATES
from scmguard.cli.commands.schema import NAMES
from scmguard.effective.board import BOARDS
from scmguard.errors import RuleError
from scmguard.settings import Settings
from tests.places import TOP, docs_script
from tests.test_cli import HOUSE_RULE, one_line, scmguard, tree

SCHEMAS = {name: json.loads(assets.package_file("schema", name + "-1.json")) for name in NAMES}
BOOK = rulebook.load()


def valid(name, data):
    schema = SCHEMAS[name]
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(data)


def as_json(data):
    """What YAML makes, as JSON has it: dates are text, and keys are."""
    if isinstance(data, dict):
        return {str(key): as_json(value) for key, value in data.items()}
    if isinstance(data, list):
        return [as_json(each) for each in data]
    return data.isoformat() if isinstance(data, (datetime.date, datetime.datetime)) else data


def plain(path):
    return as_json(rulefile.read_yaml(str(path)))


# the schemas themselves


def test_each_schema_is_one_and_can_be_printed():
    folder = os.path.join(TOP, "scmguard", "schema")
    assert sorted(os.listdir(folder)) == ["{}-1.json".format(name) for name in NAMES]
    for name, schema in SCHEMAS.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"] == "urn:scmguard:schema:{}:1".format(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_prints_the_file(name):
    done = scmguard("schema", name)
    assert (done.returncode, done.err) == (0, "")
    assert done.stdout == assets.package_file("schema", name + "-1.json")


def test_there_is_no_other():
    done = scmguard("schema", "../report")
    assert (done.returncode, done.out) == (2, "") and "../report" in one_line(done.err)


def test_the_lists_in_the_schemas_are_those_of_the_program():
    config = SCHEMAS["config"]["properties"]
    assert list(config) == [key for key in config if key in settings._KEYS] and set(config) == set(settings._KEYS)
    assert set(config["waivers"]["items"]["properties"]) == set(settings._WAIVER_KEYS)
    rule = SCHEMAS["rule"]
    assert set(rule["properties"]) == set(rulefile._KEYS)
    assert set(rule["required"]) == set(rulefile._KEYS) - set(rulefile._OPTIONAL)
    assert set(rule["$defs"]["example"]["properties"]) == set(rulefile._EXAMPLE_KEYS)
    script = docs_script("update_schemas")
    for name, text in script.updated().items():
        with open(os.path.join(script.FOLDER, name), encoding="utf-8") as stream:
            assert stream.read() == text, "run docs/update_schemas.py"
    entry = SCHEMAS["baseline"]["properties"]["findings"]["items"]
    assert set(entry["properties"]) == set(entry["required"]) == set(baseline_file._KEYS)


# what there is


@pytest.mark.parametrize("path", assets.yaml_files(os.path.join(TOP, "rules")), ids=os.path.basename)
def test_every_rule_is_valid(path):
    jsonschema.validate(plain(path), SCHEMAS["rule"])


def test_the_house_rule_of_the_tests_is_valid(tmp_path):
    (tmp_path / "house-uart.yaml").write_text(HOUSE_RULE)
    jsonschema.validate(plain(tmp_path / "house-uart.yaml"), SCHEMAS["rule"])


def text_of(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as stream:
        return stream.read()


def configurations():
    yield text_of("debian", "files.d", "scmguard.yaml")
    for name in ["README.md", *(os.path.join("docs", name) for name in os.listdir(os.path.join(TOP, "docs")))]:
        if name.endswith(".md"):
            for text in re.findall(r"```yaml\n(.*?)```", text_of(name), re.S):
                # There are pre-commit's configurations and workflows, too.
                if set(re.findall("^[a-z-]+(?=:)", text, re.M)) & set(settings._KEYS):
                    yield text
    yield text_of("debian", "scmguard.yaml.5").split(".SH EXAMPLE\n.nf\n")[1].split(".fi")[0].replace("\\-", "-")


def uncommented(text):
    """A configuration with the settings in its comments switched on."""
    return re.sub(r"^# ?(?=({}):( |$)|  )".format("|".join(settings._KEYS)), "", text, flags=re.M)


@pytest.mark.parametrize("number, text", list(enumerate(configurations())))
def test_every_configuration_that_is_shown_is_valid(tmp_path, number, text):
    for each in (text, uncommented(text)):
        (tmp_path / "c.yaml").write_text(each)
        jsonschema.validate(plain(tmp_path / "c.yaml"), SCHEMAS["config"])
        settings.load(str(tmp_path / "c.yaml"))


def test_the_comments_of_etc_are_among_them():
    first = next(configurations())
    assert {"strict", "snapshots", "supervised", "waivers"} <= set(re.findall(r"^([a-z-]+):", uncommented(first), re.M))


def test_what_init_writes_is_valid(tmp_path):
    tree(tmp_path / "boot", config_txt="[pi4]\narm_freq=1500\n")
    assert scmguard("init", tmp_path).returncode == 0
    jsonschema.validate(plain(tmp_path / ".scmguard.yaml"), SCHEMAS["config"])


def test_what_baseline_writes_is_valid(tmp_path):
    tree(tmp_path / "boot", config_txt="kernel='x'\n")
    done = scmguard("baseline", "create", tmp_path / "base.json", tmp_path / "boot", "--reason", "x")
    assert done.returncode in (0, 1)
    data = json.loads((tmp_path / "base.json").read_text())
    assert data["findings"]
    jsonschema.validate(data, SCHEMAS["baseline"])


# what is refused: a valid document is changed somewhere, and both say the same of it


CONFIG = {
    "profile": "scm",
    "boards": ["cm4", "pi4"],
    "fail-on": "degraded",
    "select": ["root-*"],
    "ignore": ["inert-setting"],
    "rules": ["house"],
    "supervised": ["config.txt"],
    "waivers": [
        {"rule": "boot-not-emmc", "reason": "x", "path": "boot/cmdline.txt", "match": "y", "expires": "2031-12-31"},
        {"rule": "boot-not-emmc", "reason": "x"},
    ],
    "baseline": "base.json",
    "strict": False,
    "snapshots": {"number": 10, "megabytes": 512},
}
RULE = {
    "id": "house-uart",
    "severity": "degraded",
    "summary": "s",
    "rationale": "r",
    "recovery": "r",
    "help": "h",
    "sources": ["a"],
    "needs": ["config", "device"],
    "wants": ["rootfs"],
    "scope": "board",
    "profiles": ["scm"],
    "looks-at": ["enable_uart"],
    "waiver": "required",
    "facts": ["model"],
    "check": {"setting": "enable_uart", "never": "on"},
    "examples": {
        "bad": [
            {
                "name": "n",
                "profile": "scm",
                "board": ["cm4"],
                "files": {"config.txt": "x"},
                "root": {},
                "links": {},
                "space": {"total": 1, "free": 1},
                "device": {},
                "ledger": {},
                "transaction": {},
                "supervised": ["config.txt"],
                "finds": ["config.txt:1: x"],
                "severity": "brick",
                "possible": True,
                "incidents": [1],
            }
        ],
        "good": [{"name": "n", "board": "cm4"}],
    },
}
CHECKS = [
    {"setting": "enable_uart", "always": 1},
    {"parameter": "quiet", "never": "present"},
    {"file": ["config.txt"], "always": "present"},
    {"python": next(iter(PREDICATES))},
]
BASELINE = {
    "schema": 1,
    "findings": [
        {
            "path": "b/config.txt",
            "rule": "quoted-value",
            "message": "m",
            "severity": "degraded",
            "confidence": "certain",
            "count": 1,
            "fingerprint": "0123456789abcdef",
            "reason": "r",
            "added": "2026-11-30",
        }
    ],
}
# Values that stand in for others. A number such as 1.0 is left out: JSON does not tell it from 1.
VALUES = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 1.5, "", " ", "x", "2031-12-31", "2031-13-31", "on", "present"]),
    st.sampled_from([[], [1], [None], ["x"], ["config"], ["device"], [[]], {}, {"x": 1}, {"name": "n"}]),
    st.sampled_from(["brick", "cm4", "scm", "config", "every-board", "required", "possible", "0123456789abcdef"]),
)
KEYS = st.sampled_from(
    ["x", "reason", "rule", "name", "finds", "never", "always", "python", "setting", "needs", "facts"]
)


def places(data, above=()):
    yield above
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in inner:
        yield from places(value, (*above, key))


@st.composite
def changed(draw, document):
    """A document with one to three changes: a value replaced, taken out or added."""
    data = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(sorted(places(data), key=repr)))
        if not place:
            continue
        inside = data
        for key in place[:-1]:
            inside = inside[key]
        how = draw(st.sampled_from(["replace", "remove", "add"]))
        target = inside[place[-1]]
        if how == "replace":
            inside[place[-1]] = copy.deepcopy(draw(VALUES))
        elif how == "remove":
            del inside[place[-1]]
        elif isinstance(target, dict):
            target[draw(KEYS)] = copy.deepcopy(draw(VALUES))
        elif isinstance(target, list):
            target.append(copy.deepcopy(draw(VALUES)))
    return data


def written(folder, name, data):
    path = folder / name
    # JSON is YAML.
    path.write_text(json.dumps(data))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("documents")


def taken(read, path):
    try:
        read(path)
    except RuleError as error:
        assert path in str(error) and "\n" not in str(error)
        return False
    return True


def config_taken(path):
    """Whether a configuration is taken, its profile and boards among what there is."""
    if not taken(settings.load, path):
        return False
    found: Settings = settings.load(path)
    return set(found.boards) <= set(BOARDS) and (found.profile is None or found.profile in BOOK.profiles)


@given(changed(CONFIG))
def test_a_configuration_is_refused_by_both_or_by_none(folder, data):
    assert config_taken(written(folder, "config.yaml", data)) == valid("config", data)


@given(st.sampled_from([None, *CHECKS]), st.data())
def test_a_rule_is_refused_by_both_or_by_none(folder, check, draw):
    data = draw.draw(changed(RULE if check is None else {**RULE, "check": check}))
    inner = data.get("check")
    if isinstance(inner, dict):
        # The verb comes first, of which JSON knows nothing; and which predicates there are is no question of shape.
        assume(next(iter(inner), "x") not in ("never", "always", "x"))
        assume(not isinstance(inner.get("python"), str) or inner["python"] in PREDICATES)
    # A rule's id is the file's name.
    assume(not isinstance(data.get("id"), str) or data["id"] in ("house-uart", "", " "))
    assert taken(rulefile.read_rule, written(folder, "house-uart.yaml", data)) == valid("rule", data)


@given(changed(BASELINE))
def test_a_baseline_is_refused_by_both_or_by_none(folder, data):
    assert taken(baseline_file.read, written(folder, "base.json", data)) == valid("baseline", data)


@pytest.mark.parametrize("name, data", [("config", CONFIG), ("rule", RULE), ("baseline", BASELINE)])
def test_the_documents_that_are_changed_are_valid(folder, name, data):
    assert valid(name, data)
    path = written(folder, "house-uart.yaml", data)
    read = {"config": settings.load, "rule": rulefile.read_rule, "baseline": baseline_file.read}[name]
    assert taken(read, path)


@pytest.mark.parametrize("check", CHECKS)
def test_the_other_checks_are_valid(folder, check):
    data = {**RULE, "check": check}
    assert valid("rule", data) and taken(rulefile.read_rule, written(folder, "house-uart.yaml", data))


def test_an_empty_configuration_is_one(tmp_path):
    (tmp_path / "c.yaml").write_text("# nothing\n")
    assert valid("config", plain(tmp_path / "c.yaml")) and settings.load(str(tmp_path / "c.yaml"))


@pytest.mark.parametrize(
    "line, says",
    [
        ("check: {setting: [enable_uart], never: on}", "setting must be a name"),
        ("check: {setting: enable_uart, never: [1]}", "never must be a number or text"),
        ("check: {setting: enable_uart, never: true}", "never must be a number or text"),
        ("check: {file: config.txt, never: present}", "file must be a list of names"),
        ("check: {file: [config.txt], never: on}", "of a file, never can only be present"),
        ("check: {python: [x]}", "there is no predicate"),
    ],
)
def test_a_check_of_the_wrong_shape(tmp_path, line, says):
    text = HOUSE_RULE.replace("check: {setting: enable_uart, never: on}", line)
    (tmp_path / "house-uart.yaml").write_text(text)
    with pytest.raises(RuleError) as error:
        rulefile.read_rule(str(tmp_path / "house-uart.yaml"))
    assert "house-uart.yaml:11: " in str(error.value) and says in str(error.value)


@pytest.mark.parametrize("id", ["House", "a_b", "a--b", "-a", "ä"])
def test_an_id_of_the_wrong_shape(tmp_path, id):
    (tmp_path / (id + ".yaml")).write_text(HOUSE_RULE.replace("house-uart", id))
    with pytest.raises(RuleError) as error:
        rulefile.read_rule(str(tmp_path / (id + ".yaml")))
    assert ":1: an id is made of" in str(error.value)
