"""Fills topics of every kind, and tells what a broker serves of them, for the test that swaps brokers over one directory.

disk.py write PHASE MILLIS    produces the records of a phase, created at MILLIS and after; phase 1 makes the topics
disk.py trim PHASE MILLIS     deletes records
disk.py transact PHASE MILLIS commits a transaction, aborts another
disk.py read MILLIS           prints every topic's configs, offsets and records, a line each, in a fixed order
"""

import hashlib
import json
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource, NewTopic, OffsetSpec, ResourceType,
)

from suite import BOOTSTRAP, CODECS, eventually

ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})
NOT_YET = {
    KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.FENCED_LEADER_EPOCH, KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.OFFSET_NOT_AVAILABLE,
}
SEGMENT_BYTES = 1024 * 1024
TOPICS = {f"disk-{codec}": (1, {"segment.bytes": str(SEGMENT_BYTES)}) for codec in CODECS} | {
    "disk-many": (3, {"retention.ms": "-1"}),
    "disk-compact": (1, {"cleanup.policy": "compact"}),
    "disk-logappend": (1, {"message.timestamp.type": "LogAppendTime"}),
    "disk-by-broker-gzip": (1, {"compression.type": "gzip"}),
    "disk-by-broker-snappy": (1, {"compression.type": "snappy"}),
    "disk-by-broker-lz4": (1, {"compression.type": "lz4"}),
    "disk-by-broker-lz4-hard": (1, {"compression.type": "lz4", "compression.lz4.level": "12"}),
    "disk-by-broker-zstd": (1, {"compression.type": "zstd", "compression.zstd.level": "7"}),
    "disk-trimmed": (1, {}),
    "disk-transactions": (1, {}),
}


def done(futures):
    return {key: future.result(timeout=60) for key, future in futures.items()}


def create_topics():
    done(ADMIN.create_topics([NewTopic(name, count, 1, config=config) for name, (count, config) in TOPICS.items()]))
    eventually(lambda: TOPICS.keys() <= ADMIN.list_topics(timeout=10).topics.keys(), "the topics are known")
    change = ConfigEntry("max.message.bytes", "2000000", incremental_operation=AlterConfigOpType.SET)
    done(ADMIN.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, "disk-gzip", incremental_configs=[change])]))


def records(phase, time):
    """A few hundred records of all shapes, and enough bytes for several segments."""
    for number in range(300):
        yield {
            "key": None if number % 7 == 0 else f"key-{phase}-{number % 20}".encode(),
            "value": None if number % 11 == 0 else f"value-{phase}-{number}-".encode() * (number % 9),
            "headers": [("h", b"\x00\xff"), ("empty", b""), ("null", None)] if number % 3 == 0 else [],
            "timestamp": time + number,
        }
    filler = hashlib.sha256(b"filler").digest() * 128
    for number in range(300):
        yield {"key": b"big", "value": number.to_bytes(4, "big") + filler, "timestamp": time + 1000 + number}


def produce(topic, wanted, **options):
    settings = {"bootstrap.servers": BOOTSTRAP, "linger.ms": 20, "batch.size": 100_000, "enable.idempotence": True}
    producer = Producer(settings | {key.replace("_", "."): value for key, value in options.items()})

    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)

    def send():
        for record in wanted:
            producer.produce(topic, on_delivery=delivered, **record)
            producer.poll(0)
        if producer.flush(60) != 0:
            raise AssertionError(f"{topic}: not all records were delivered")

    return producer, send


def write(phase, time):
    if phase == 1:
        create_topics()
    for codec in CODECS:
        produce(f"disk-{codec}", records(phase, time), compression_type=codec)[1]()
    small = list(records(phase, time))[:100]
    keyed = [record | {"key": record["key"] or b"none"} for record in small]
    for topic in ["disk-many", "disk-logappend", "disk-trimmed"]:
        produce(topic, small)[1]()
    produce("disk-compact", keyed)[1]()
    for topic in TOPICS:
        if "-by-broker-" in topic:
            produce(topic, records(phase, time))[1]()

def trim(phase, _time):
    done(ADMIN.delete_records([TopicPartition("disk-trimmed", 0, 10 * phase)]))


def transact(phase, time):
    small = list(records(phase, time))[:50]
    producer, send = produce("disk-transactions", small, transactional_id="disk")
    producer.init_transactions(60)
    for end in [producer.commit_transaction, producer.abort_transaction]:
        producer.begin_transaction()
        send()
        end(60)


def configs(topic):
    entries = ADMIN.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])
    entries = list(done(entries).values())[0].values()
    own = [entry for entry in entries if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value]
    return {entry.name: entry.value for entry in sorted(own, key=lambda entry: entry.name)}


def offset(partition, spec):
    """A broker that has just started may not yet lead what its metadata says it leads."""
    found = []

    def ask():
        try:
            found.append(list(done(ADMIN.list_offsets({partition: spec})).values())[0].offset)
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET:
                raise
        return found

    eventually(ask, f"an answer for {partition}")
    return found[0]


def offsets(partition, time):
    wanted = [OffsetSpec.earliest(), OffsetSpec.latest(), OffsetSpec.for_timestamp(time + 50)]
    return [offset(partition, spec) for spec in wanted]


def read_partition(consumer, topic, partition):
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
    while True:
        message = consumer.poll(60)
        if message is None:
            raise AssertionError(f"{topic}-{partition}: neither a record nor the end within 60 s")
        if message.error() is not None:
            if message.error().code() == KafkaError._PARTITION_EOF:
                return
            raise KafkaException(message.error())
        value = message.value()
        headers = [(name, None if value is None else value.hex()) for name, value in message.headers() or []]
        print("record", topic, partition, message.offset(), *message.timestamp(), message.key(), headers,
              None if value is None else (len(value), hashlib.sha256(value).hexdigest()[:16]))


def read(time):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP, "group.id": "disk", "enable.auto.commit": False,
        "enable.partition.eof": True, "auto.offset.reset": "error", "isolation.level": "read_committed",
        "check.crcs": True,
    })
    known = ADMIN.list_topics(timeout=30).topics
    for topic in sorted(name for name in known if not name.startswith("__")):
        print("topic", topic, len(known[topic].partitions), json.dumps(configs(topic)))
        for partition in sorted(known[topic].partitions):
            print("offsets", topic, partition, offsets(TopicPartition(topic, partition), time))
            read_partition(consumer, topic, partition)
    consumer.close()


if __name__ == "__main__":
    {"write": write, "trim": trim, "transact": transact, "read": read}[sys.argv[1]](*map(int, sys.argv[2:]))
