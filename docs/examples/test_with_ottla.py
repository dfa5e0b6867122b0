#!/usr/bin/env python3
"""A test in Python with a broker of its own: no container, no JVM.

The program under test is the `ottla` command here, so that this needs nothing
from elsewhere; yours uses the Kafka client it always uses.

    OTTLA=target/debug/ottla python3 docs/examples/test_with_ottla.py
"""

import json
import os
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

OTTLA = os.environ.get("OTTLA", "ottla")


class Broker:
    """A broker that ends with the test, however the test ends."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        ready_file = os.path.join(self.folder.name, "ready.json")
        arguments = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--control"]
        # It stops when its standard input ends, as it does when this process dies.
        self.process = subprocess.Popen(
            [OTTLA, "serve", *arguments, "--ready-file", ready_file, "--exit-with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        # One line when clients can connect; the file has the same.
        self.ready = json.loads(self.process.stdout.readline())
        with open(ready_file, encoding="utf-8") as file:
            assert json.load(file) == self.ready
        self.bootstrap = self.ready["bootstrap"]

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        code = self.process.wait(timeout=20)
        self.folder.cleanup()
        return code

    def control(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.ready['http']}/control/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def topics(self):
        url = f"{self.ready['http']}/api/cluster"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return [topic["name"] for topic in json.load(answer)["topics"]]


def ottla(broker, *arguments, text=None):
    command = [OTTLA, "--bootstrap", broker.bootstrap, *arguments]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


class WithABroker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = Broker()

    @classmethod
    def tearDownClass(cls):
        assert cls.broker.stop() == 0

    def setUp(self):
        self.broker.control("POST", "reset")

    def test_a_record_arrives_although_the_leader_was_not_there_at_first(self):
        ottla(self.broker, "topic", "create", "orders", "--partitions", "1")
        not_leader = {"error": "NOT_LEADER_OR_FOLLOWER"}
        order = {"api": "Produce", "topic": "orders", "times": 2, "fault": not_leader}
        fault = self.broker.control("POST", "faults", order)
        ottla(self.broker, "produce", "--topic", "orders", text="an order\n")
        # It has struck twice, and is gone.
        with self.assertRaises(urllib.error.HTTPError) as gone:
            self.broker.control("DELETE", f"faults/{fault['id']}")
        self.assertEqual(gone.exception.code, 404)
        gone.exception.close()
        read = ["--from-beginning", "--exit-at-end"]
        self.assertEqual(ottla(self.broker, "consume", "--topic", "orders", *read), "an order\n")

    def test_every_test_begins_with_nothing(self):
        self.assertEqual(self.broker.topics(), [])
        self.broker.control("POST", "faults", {"api": "Fetch", "fault": {"delay_ms": 5}})
        self.assertEqual(self.broker.control("DELETE", "faults"), {"removed": 1})

    def test_time_passes_as_fast_as_a_test_wants(self):
        before = self.broker.control("POST", "clock", {"advance_ms": 0})["now_ms"]
        after = self.broker.control("POST", "clock", {"advance_ms": 3_600_000})["now_ms"]
        self.assertGreaterEqual(after - before, 3_600_000)


if __name__ == "__main__":
    unittest.main()
