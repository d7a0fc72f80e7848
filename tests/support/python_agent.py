"""A UDF written in another language, on Python's protobuf: what tine's host, checks and relay are tested against.

    python_agent.py [flags] mirror | batch-mirror | moving-sum

Kinds:
    mirror        wants and provides a stream: sends back each point
    batch-mirror  wants and provides batches: sends back each batch once it has ended
    moving-sum    wants and provides a stream: options field STRING, size INT (default 3), as STRING (default sum);
                  answers each point with the sum of the last values of its group; snapshots are JSON

Flags say where it listens and what it does wrong, see parse_arguments().
"""

import argparse
import collections
import json
import os
import socket
import sys
import threading
import time

BUFFER_BYTES = 8192


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--messages", required=True, metavar="DIR", help="the folder of udf_pb2")
    listen = parser.add_mutually_exclusive_group()
    listen.add_argument("--unix", metavar="PATH", help="listen on a Unix socket; prints 'listening on ...' to stderr")
    listen.add_argument("--tcp", metavar="HOST:PORT", help="listen on TCP; port 0: any, printed to stderr")
    parser.add_argument("--buffered", action="store_true",
                        help="hold points back until 8 KiB are full or something else than data is answered")
    parser.add_argument("--print-garbage", action="store_true", help="print a line of text where frames belong, first")
    parser.add_argument("--die-after", type=int, metavar="N", help="fail with status 3 when point N has been handled")
    parser.add_argument("--hang-after", type=int, metavar="N", help="do nothing any more when point N has been handled")
    parser.add_argument("--no-snapshot", action="store_true", help="fail when a snapshot is asked for")
    parser.add_argument("--flood", action="store_true", help="once initialized, read no more and write points for ever")
    return parser.parse_args()


class Mirror:
    """Sends back each point."""

    edge = "STREAM"
    options = {}

    def __init__(self, send):
        self.send = send

    def init(self, options):
        """Returns what is wrong with the options, or an empty text."""
        unknown = sorted(set(options) - set(self.options))
        return "unknown option " + ", ".join(unknown) if unknown else ""

    def begin(self, begin):
        raise ValueError("batches are not wanted")

    def point(self, point):
        response = udf_pb2.Response()
        response.point.CopyFrom(point)
        self.send(response)

    def end(self, end):
        raise ValueError("batches are not wanted")

    def snapshot(self):
        return b""

    def restore(self, snapshot):
        """Returns what is wrong with the snapshot, or an empty text."""
        return ""


class BatchMirror(Mirror):
    """Sends back each batch once it has ended."""

    edge = "BATCH"

    def __init__(self, send):
        super().__init__(send)
        self.begun = None
        self.points = []

    def begin(self, begin):
        self.begun = begin
        self.points = []

    def point(self, point):
        if self.begun is None:
            raise ValueError("a point outside of a batch")
        self.points.append(point)

    def end(self, end):
        if self.begun is None:
            raise ValueError("the end of a batch that has not begun")
        response = udf_pb2.Response()
        response.begin.CopyFrom(self.begun)
        response.begin.size = len(self.points)
        self.send(response)
        for point in self.points:
            super().point(point)
        response = udf_pb2.Response()
        response.end.CopyFrom(end)
        self.send(response)
        self.begun = None
        self.points = []

    def snapshot(self):
        return json.dumps({
            "begun": self.begun and self.begun.SerializeToString().hex(),
            "points": [point.SerializeToString().hex() for point in self.points],
        }).encode()

    def restore(self, snapshot):
        try:
            state = json.loads(snapshot)
            self.begun = state["begun"] and udf_pb2.BeginBatch.FromString(bytes.fromhex(state["begun"]))
            self.points = [udf_pb2.Point.FromString(bytes.fromhex(text)) for text in state["points"]]
        except (ValueError, KeyError, TypeError) as error:
            return "bad snapshot: %s" % error
        return ""


class MovingSum(Mirror):
    """Answers each point with the sum of the last values of its group."""

    options = {"field": ["STRING"], "size": ["INT"], "as": ["STRING"]}

    def __init__(self, send):
        super().__init__(send)
        self.field = ""
        self.name = "sum"
        self.size = 3
        self.windows = {}

    def init(self, options):
        wrong = super().init(options)
        if wrong:
            return wrong
        self.field = options["field"].stringValue if "field" in options else ""
        if "size" in options:
            self.size = options["size"].intValue
        if "as" in options:
            self.name = options["as"].stringValue
        if not self.field:
            return "option field is missing"
        return "" if self.size > 0 else "option size is %d, expected at least 1" % self.size

    def point(self, point):
        if self.field in point.fieldsDouble:
            value = point.fieldsDouble[self.field]
        elif self.field in point.fieldsInt:
            value = float(point.fieldsInt[self.field])
        else:
            return
        window = self.windows.setdefault(point.group, collections.deque())
        window.append(value)
        while len(window) > self.size:
            window.popleft()
        response = udf_pb2.Response()
        answer = response.point
        answer.CopyFrom(point)
        for fields in ("fieldsDouble", "fieldsInt", "fieldsString", "fieldsBool"):
            answer.ClearField(fields)
        answer.fieldsDouble[self.name] = sum(window)
        self.send(response)

    def snapshot(self):
        return json.dumps({group: list(window) for group, window in self.windows.items()}).encode()

    def restore(self, snapshot):
        try:
            self.windows = {group: collections.deque(map(float, window))
                            for group, window in json.loads(snapshot).items()}
        except (ValueError, AttributeError, TypeError) as error:
            return "bad snapshot: %s" % error
        return ""


KINDS = {"mirror": Mirror, "batch-mirror": BatchMirror, "moving-sum": MovingSum}


class Agent:
    """One connection: reads requests, lets a handler answer them.

    read(n) returns up to n bytes, none at the end; write(bytes) writes all of them.
    """

    def __init__(self, arguments, read, write):
        self.arguments = arguments
        self.read = read
        self.write = write
        self.input = b""
        self.output = bytearray()
        self.points = 0
        self.handler = KINDS[arguments.kind](self.send)

    def run(self):
        if self.arguments.print_garbage:
            self.write(b"starting up, please wait ...\n")
        while True:
            request = self.receive()
            if request is None:
                break
            try:
                self.handle(request)
            except ValueError as error:
                response = udf_pb2.Response()
                response.error.error = str(error)
                self.send(response)
                self.flush()
                raise
        self.flush()

    def take(self, length):
        """Exactly so many bytes, or None at the end of the input."""
        while len(self.input) < length:
            chunk = self.read(65536)
            if not chunk:
                return None
            self.input += chunk
        taken, self.input = self.input[:length], self.input[length:]
        return taken

    def receive(self):
        length = shift = 0
        while True:
            byte = self.take(1)
            if byte is None:
                return None
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
        payload = self.take(length)
        return None if payload is None else udf_pb2.Request.FromString(payload)

    def send(self, response):
        payload = response.SerializeToString()
        length = len(payload)
        while length > 0x7F:
            self.output.append(length & 0x7F | 0x80)
            length >>= 7
        self.output.append(length)
        self.output += payload
        # What is no data must not wait; data may, in an agent that buffers.
        data = response.WhichOneof("message") in ("begin", "point", "end")
        if not data or not self.arguments.buffered or len(self.output) >= BUFFER_BYTES:
            self.flush()

    def flush(self):
        if self.output:
            waiting, self.output = bytes(self.output), bytearray()
            self.write(waiting)

    def handle(self, request):
        kind = request.WhichOneof("message")
        response = udf_pb2.Response()
        if kind == "info":
            edge = udf_pb2.EdgeType.Value(self.handler.edge)
            response.info.wants = response.info.provides = edge
            for name, types in self.handler.options.items():
                response.info.options[name].valueTypes.extend(udf_pb2.ValueType.Value(name) for name in types)
        elif kind == "init":
            options = {option.name: option.values[0] for option in request.init.options if option.values}
            response.init.error = self.handler.init(options)
            response.init.success = not response.init.error
        elif kind == "keepalive":
            response.keepalive.time = request.keepalive.time
        elif kind == "snapshot":
            if self.arguments.no_snapshot:
                raise NotImplementedError("there are no snapshots")
            response.snapshot.snapshot = self.handler.snapshot()
        elif kind == "restore":
            response.restore.error = self.handler.restore(request.restore.snapshot)
            response.restore.success = not response.restore.error
        elif kind == "begin":
            return self.handler.begin(request.begin)
        elif kind == "end":
            return self.handler.end(request.end)
        elif kind == "point":
            self.handler.point(request.point)
            return self.misbehave()
        else:
            return None
        self.send(response)
        if kind == "init" and self.arguments.flood:
            self.flood()
        return None

    def misbehave(self):
        self.points += 1
        if self.points == self.arguments.die_after:
            sys.stderr.write('Traceback (most recent call last):\n  File "my_udf.py", line 42, in point\n'
                             "ZeroDivisionError: division by zero\n")
            sys.stderr.flush()
            os._exit(3)  # as a crash does: what is buffered is lost
        if self.points == self.arguments.hang_after:
            while True:
                time.sleep(3600)

    def flood(self):
        response = udf_pb2.Response()
        response.point.name = "flood"
        response.point.fieldsString["padding"] = "x" * 1000
        while True:
            response.point.time += 1
            self.send(response)


def serve(arguments):
    """Listens, and runs an agent for each connection."""
    if arguments.unix:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(arguments.unix)
        where = arguments.unix
    else:
        host, port = arguments.tcp.rsplit(":", 1)
        listener = socket.create_server((host, int(port)))
        where = "%s:%d" % listener.getsockname()[:2]
    listener.listen(64)
    sys.stderr.write("listening on %s\n" % where)
    sys.stderr.flush()
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(arguments, connection), daemon=True).start()


def serve_one(arguments, connection):
    with connection:
        try:
            Agent(arguments, connection.recv, connection.sendall).run()
        except (OSError, ValueError) as error:
            sys.stderr.write("connection: %s\n" % error)
            sys.stderr.flush()


def write_stdout(data):
    while data:
        data = data[os.write(1, data):]


def main():
    arguments = parse_arguments()
    sys.path.insert(0, arguments.messages)
    global udf_pb2
    import udf_pb2
    if arguments.unix or arguments.tcp:
        serve(arguments)
        return 0
    try:
        Agent(arguments, lambda length: os.read(0, length), write_stdout).run()
    except BrokenPipeError:
        return 1
    except ValueError as error:
        sys.stderr.write("%s\n" % error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
