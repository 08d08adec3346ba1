"""What ``scmguard device`` writes as JSON is what its schemas say: of every machine, also of broken ones."""

import json
from typing import Any, Dict

import jsonschema
import pytest

from scmguard import assets
from scmguard.device.anonymous import anonymised
from scmguard.device.facts import Device, from_data
from scmguard.device.firmware import BOOT_MODES
from scmguard.device.gather import gather
from scmguard.device.machine import LIMITS, LiveMachine
from scmguard.device.recording import BadRecording, RecordedMachine, Recorder
from scmguard.report import device_report
from tests.recorded import NAMES, data_of, machine_of
from tests.test_device_faults import PATIENCE, Faulty, facts_with, picture, singles

DEVICE: Dict[str, Any] = json.loads(assets.package_file("schema", "device-1.json"))
RECORDING: Dict[str, Any] = json.loads(assets.package_file("schema", "recording-1.json"))
CHECK = jsonschema.Draft202012Validator(DEVICE)
CHECK_RECORDING = jsonschema.Draft202012Validator(RECORDING)


def as_json(device: Device) -> Any:
    return json.loads(device_report.as_json(device, "0.1"))


def test_the_schemas_are_some() -> None:
    for schema in (DEVICE, RECORDING):
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_schema_has_every_fact_and_no_other() -> None:
    assert list(DEVICE["properties"]["facts"]["properties"]) == list(Device._fields)
    assert DEVICE["properties"]["facts"]["required"] == list(Device._fields)
    value = DEVICE["properties"]["facts"]["properties"]["boot_mode"]["anyOf"][1]["properties"]["value"]
    assert set(value["enum"]) == set(BOOT_MODES.values())


@pytest.mark.parametrize("name", NAMES)
def test_facts_of_a_recording(name: str) -> None:
    CHECK.validate(as_json(gather(machine_of(name))))


@pytest.mark.parametrize("name", NAMES)
def test_facts_of_a_broken_machine(name: str) -> None:
    for source, kind in singles(name):
        if kind != "hangs":
            CHECK.validate(as_json(gather(Faulty(machine_of(name), {source: kind}))))
    every = dict.fromkeys(picture(name).every, "hangs")
    CHECK.validate(as_json(facts_with(name, every, PATIENCE[0])))


def test_facts_of_the_machine_that_this_runs_on() -> None:
    CHECK.validate(as_json(gather(LiveMachine())))


def test_facts_that_examples_of_rules_name() -> None:
    CHECK.validate(as_json(from_data({name: {"unknown": "x"} for name in Device._fields})))


@pytest.mark.parametrize("name", NAMES)
def test_recordings(name: str) -> None:
    data = data_of(name)
    CHECK_RECORDING.validate(data)
    CHECK_RECORDING.validate(anonymised(data))
    recorder = Recorder(machine_of(name))
    gather(recorder)
    CHECK_RECORDING.validate(recorder.data("a note"))
    assert set(RECORDING["properties"]["answers"]["properties"]) == set(LIMITS)


def without_source(data: Any) -> None:
    del data["facts"]["model"]["source"]


def with_both(data: Any) -> None:
    data["facts"]["model"]["unknown"] = "why"


def without_reason(data: Any) -> None:
    data["facts"]["model"] = {"unknown": ""}


def with_another_fact(data: Any) -> None:
    data["facts"]["colour"] = {"value": "green", "source": "x"}


def without_a_fact(data: Any) -> None:
    del data["facts"]["ledger"]


def with_another_kind_of_storage(data: Any) -> None:
    data["facts"]["root_storage"]["value"]["kind"] = "floppy"


@pytest.mark.parametrize(
    "change",
    [without_source, with_both, without_reason, with_another_fact, without_a_fact, with_another_kind_of_storage],
)
def test_the_schema_refuses_what_is_not_so(change: Any) -> None:
    data = as_json(gather(machine_of("scm-bookworm")))
    CHECK.validate(data)
    change(data)
    assert not CHECK.is_valid(data)


@pytest.mark.parametrize(
    "part, value",
    [
        ("recording", 2),
        ("extra", {}),
        ("files", {"a": 1}),
        ("binary", {"a": "?"}),
        ("space", {"boot": [1]}),
        ("answers", {"rm -rf /": {}}),
        ("answers", {"vcgencmd version": {"status": "0"}}),
    ],
)
def test_the_schema_of_recordings_refuses_what_the_reader_refuses(part: str, value: Any) -> None:
    data = {**data_of("pc"), part: value}
    assert not CHECK_RECORDING.is_valid(data)
    with pytest.raises(BadRecording):
        RecordedMachine(data)
