#!/usr/bin/env python3
"""Sends every version that the broker advertises of every request that needs no preparation, empty but for defaults, and decodes each
answer to its last byte with kio: a codec that others generated from Kafka's schemas. A line per version: name, version, PASS or FAIL.

usage: conformance.py HOST:PORT"""

import dataclasses
import datetime
import importlib
import io
import pkgutil
import socket
import struct
import sys
import typing
import uuid

import kio.schema
from kio.serial import entity_reader, entity_writer
from kio.static.primitive import i16, i32

API_VERSIONS = 18
# What needs preparation or waits for something: records, groups, fetches of other brokers, a node's own calls.
NOT_SENT = set(range(4, 8)) | set(range(52, 60)) | {0, 1, 62, 63, 64, 67, 70, 73} | set(range(78, 88))


def codecs():
    """Request and response classes by key and version."""
    found = {}
    for api in pkgutil.iter_modules(kio.schema.__path__):
        if not api.ispkg:
            continue
        package = importlib.import_module(f"kio.schema.{api.name}")
        for version in pkgutil.iter_modules(package.__path__):
            module = f"kio.schema.{api.name}.{version.name}"
            try:
                request = entity(importlib.import_module(f"{module}.request"), "request")
                response = entity(importlib.import_module(f"{module}.response"), "response")
            except ModuleNotFoundError:
                continue
            if request and response:
                found[int(request.__api_key__), int(request.__version__)] = api.name, request, response
    return found


def entity(module, kind):
    """The class of a module that is a whole message."""
    classes = (value for value in vars(module).values() if dataclasses.is_dataclass(value) and isinstance(value, type))
    return next((found for found in classes if str(getattr(found, "__type__", "")) == f"EntityType.{kind}"), None)


def zero(field, hint):
    """The plainest value of a field that has no default."""
    kind = field.metadata.get("kafka_type", "")
    text = str(hint)
    if "None" in text:
        return None
    if typing.get_origin(hint) is tuple or "tuple[" in text:
        return ()
    if dataclasses.is_dataclass(hint):
        return plain(hint)
    if "timedelta" in kind.lower():
        return datetime.timedelta(0)
    if kind.startswith(("int", "uint", "error", "float")):
        return 0
    return {"string": "x", "bool": False, "bytes": b"", "uuid": uuid.UUID(int=0)}.get(kind)


def plain(message):
    """A message with nothing set that need not be."""
    hints = typing.get_type_hints(message)
    missing = dataclasses.MISSING
    wanted = [f for f in dataclasses.fields(message) if f.default is missing and f.default_factory is missing]
    return message(**{field.name: zero(field, hints[field.name]) for field in wanted})


def receive(connection, count):
    received = b""
    while len(received) < count:
        piece = connection.recv(count - len(received))
        if not piece:
            raise EOFError("the broker closed the connection")
        received += piece
    return received


def ask(address, request, response):
    """One request on a connection of its own; its answer and how many bytes nobody decoded."""
    header = request.__header_schema__
    fields = {"request_api_key": i16(request.__api_key__), "request_api_version": i16(request.__version__), "correlation_id": i32(77)}
    if any(field.name == "client_id" for field in dataclasses.fields(header)):
        fields["client_id"] = "conformance"
    body = io.BytesIO()
    entity_writer(header)(body, header(**fields))
    entity_writer(request)(body, plain(request))
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(struct.pack(">i", body.tell()) + body.getvalue())
        (size,) = struct.unpack(">i", receive(connection, 4))
        frame = receive(connection, size)
    head, head_size = entity_reader(response.__header_schema__)(frame, 0)
    answer, size = entity_reader(response)(frame, head_size)
    if head.correlation_id != 77:
        raise ValueError(f"correlation id {head.correlation_id}")
    return answer, len(frame) - head_size - size


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    address = host, int(port)
    known = codecs()
    _, request, response = known[API_VERSIONS, 3]
    advertised, _ = ask(address, request, response)
    passed = failed = 0
    for api in sorted(advertised.api_keys, key=lambda api: int(api.api_key)):
        for version in range(int(api.min_version), int(api.max_version) + 1):
            key = int(api.api_key)
            if key in NOT_SENT or (key, version) not in known:
                continue
            name, request, response = known[key, version]
            try:
                answer, left = ask(address, request, response)
                verdict = "PASS" if left == 0 else f"FAIL {left} bytes left over in {answer}"
            except Exception as error:  # whatever goes wrong is this version's failure
                verdict = f"FAIL {type(error).__name__} {error}"
            passed += verdict == "PASS"
            failed += verdict != "PASS"
            print(f"{name} v{version}\t{verdict}", flush=True)
    print(f"{passed} passed, {failed} failed")


main()
