"""Reads frames of one message type, and says for each what Python's protobuf makes of it.

Arguments: the folder of udf_pb2, and Request or Response. Input: varint-delimited frames. Output: for each frame one
line of JSON: null where Python refuses the bytes, else {"holds": ..., "bytes": ...}: what the message holds, in the form
of describe.ts, and its bytes as Python encodes it, in hex.
"""

import json
import math
import struct
import sys

sys.path.insert(0, sys.argv[1])
import udf_pb2  # noqa: E402
from google.protobuf.message import DecodeError  # noqa: E402

EDGES = ["stream", "batch"]
TYPES = ["bool", "int", "double", "string", "duration"]


def double(value):
    return "nan" if math.isnan(value) else struct.pack(">d", value).hex()


def pairs(entries, convert=lambda value: value):
    # JavaScript sorts by UTF-16 units.
    return [[key, convert(entries[key])] for key in sorted(entries, key=lambda key: key.encode("utf-16-be"))]


def option_value(value):
    kind = value.WhichOneof("value")
    name = TYPES[value.type]
    assert kind == name + "Value", kind
    plain = getattr(value, kind)
    if kind == "doubleValue":
        return [name, double(plain)]
    return [name, str(plain) if kind in ("intValue", "durationValue") else plain]


def describe(message):
    kind = message.WhichOneof("message")
    if kind is None:
        return {"kind": "empty"}
    member = getattr(message, kind)
    described = {"kind": kind}
    name = type(member).__name__
    if name == "Point":
        described.update(
            time=str(member.time), name=member.name, database=member.database,
            retentionPolicy=member.retentionPolicy, group=member.group, dimensions=list(member.dimensions),
            tags=pairs(member.tags), fieldsDouble=pairs(member.fieldsDouble, double),
            fieldsInt=pairs(member.fieldsInt, str), fieldsString=pairs(member.fieldsString), byName=member.byName,
            fieldsBool=pairs(member.fieldsBool))
    elif name == "BeginBatch":
        described.update(name=member.name, group=member.group, tags=pairs(member.tags), size=str(member.size),
                         byName=member.byName)
    elif name == "EndBatch":
        described.update(name=member.name, group=member.group, tmax=str(member.tmax), tags=pairs(member.tags),
                         byName=member.byName)
    elif name in ("KeepaliveRequest", "KeepaliveResponse"):
        described.update(time=str(member.time))
    elif name in ("SnapshotResponse", "RestoreRequest"):
        described.update(snapshot=member.snapshot.hex())
    elif name in ("InitResponse", "RestoreResponse"):
        described.update(success=member.success, error=member.error)
    elif name == "ErrorResponse":
        described.update(error=member.error)
    elif name == "InfoResponse":
        described.update(wants=EDGES[member.wants], provides=EDGES[member.provides],
                         options=pairs(member.options, lambda info: [TYPES[number] for number in info.valueTypes]))
    elif name == "InitRequest":
        described.update(
            options=[{"name": option.name, "values": [option_value(value) for value in option.values]}
                     for option in member.options],
            taskId=member.taskID, nodeId=member.nodeID)
    return described


def frames(data):
    position = 0
    while position < len(data):
        length = shift = 0
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield data[position:position + length]
        position += length


def main():
    message_type = getattr(udf_pb2, sys.argv[2])
    for payload in frames(sys.stdin.buffer.read()):
        message = message_type()
        try:
            message.ParseFromString(payload)
        except DecodeError:
            print("null")
            continue
        print(json.dumps({"holds": describe(message), "bytes": message.SerializeToString().hex()}))


main()
