"""A group's life in rounds, each with another broker on the same directory: `group_story.py read|find ROUND`.

`read` produces ten records, lets a dynamic and a static member read and commit them, and commits for a group without
members; the static member goes without leaving. `find` looks for what `read` of that round left.
"""

import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from suite import BOOTSTRAP, check, check_equal, eventually

TOPIC, PARTITIONS, RECORDS = "group-story", 2, 10
READERS, SIMPLE, STATIC = "story-readers", "story-simple", "story-static"


def consumer(group, **options):
    settings = {
        "bootstrap.servers": BOOTSTRAP, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
    }
    return Consumer(settings | {key.replace("_", "."): value for key, value in options.items()})


def produce(number):
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    if number == 0:
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, -1)])[TOPIC].result(timeout=30)
    eventually(lambda: TOPIC in admin.list_topics(timeout=10).topics, f"{TOPIC} is known")
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    for at in range(RECORDS):
        producer.produce(TOPIC, b"%d" % (number * RECORDS + at), partition=at % PARTITIONS)
    check_equal(producer.flush(60), 0, "records left undelivered")


def read_all(group, number, **options):
    reader = consumer(group, **options)
    reader.subscribe([TOPIC])
    values = []

    def enough():
        for message in reader.consume(num_messages=100, timeout=0.2):
            if message.error():
                raise KafkaException(message.error())
            values.append(int(message.value()))
        return len(values) >= RECORDS

    eventually(enough, f"{group} reads round {number}", 60)
    wanted = list(range(number * RECORDS, (number + 1) * RECORDS))
    check_equal(sorted(values), wanted, f"what {group} reads after what it committed before")
    reader.commit(asynchronous=False)
    reader.close()


def read(number):
    produce(number)
    read_all(READERS, number)
    read_all(STATIC, number, group_instance_id="story")
    simple = consumer(SIMPLE)
    offsets = [TopicPartition(TOPIC, at, 100 * number + at, f"round {number}") for at in range(PARTITIONS)]
    simple.commit(offsets=offsets, asynchronous=False)
    simple.close()


def find(number):
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    read_so_far = (number + 1) * RECORDS // PARTITIONS
    wanted = {
        READERS: [read_so_far] * PARTITIONS, STATIC: [read_so_far] * PARTITIONS,
        SIMPLE: [100 * number + at for at in range(PARTITIONS)],
    }
    for group, offsets in wanted.items():
        places = [TopicPartition(TOPIC, at) for at in range(PARTITIONS)]
        request = [ConsumerGroupTopicPartitions(group, places)]
        deadline = time.monotonic() + 30
        while True:
            try:
                found = admin.list_consumer_group_offsets(request)[group].result(timeout=30).topic_partitions
                break
            except KafkaException as error:
                # librdkafka does not call it retriable that a coordinator is loading, or not there yet.
                again = error.args[0].retriable() or error.args[0].code() in (14, 15, 16)
                check(time.monotonic() < deadline and again, f"{group}: {error}")
        check_equal([place.offset for place in found], offsets, f"offsets of {group} after round {number}")
    listed = {one.group_id for one in admin.list_consumer_groups().result(timeout=30).valid}
    check(set(wanted) <= listed, f"groups are listed: {listed}")


{"read": read, "find": find}[sys.argv[1]](int(sys.argv[2]))
