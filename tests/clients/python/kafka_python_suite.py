"""kafka-python against the broker at $BOOTSTRAP."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka import errors
from kafka.admin import ConfigResource, ConfigResourceType

from suite import BIG, BOOTSTRAP, BROKERS, CODECS, MANY_PARTITIONS, REPLICAS, RUN, case, check, check_equal, eventually, main


def admin():
    return KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def create(name, partitions=1, **configs):
    name = f"{name}-{RUN}"
    client = admin()
    topic = {"num_partitions": partitions, "replication_factor": REPLICAS}
    if configs:
        topic["configs"] = {key.replace("_", "."): value for key, value in configs.items()}
    client.create_topics({name: topic}, wait_for_metadata=True)
    client.close()
    return name


def producer(**options):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, **options)


def consumer(**options):
    return KafkaConsumer(bootstrap_servers=BOOTSTRAP, **options)


def read(reader, count):
    """The next `count` records, or an error when they do not come."""
    records = []

    def enough():
        for batch in reader.poll(timeout_ms=500).values():
            records.extend(batch)
        return len(records) >= count

    eventually(enough, f"{count} records")
    check_equal(len(records), count, "records read")
    return records


def fill(topic, count):
    with_keys = producer()
    for number in range(count):
        with_keys.send(topic, key=b"k%d" % number, value=b"v%d" % number, timestamp_ms=1_000_000 + number * 1_000)
        with_keys.flush()
    with_keys.close()


@case
def produces_with_each_codec_and_each_acks():
    for codec in CODECS:
        for acks in (0, 1, "all"):
            topic = create(f"kp-{codec}-{acks}")
            sender = producer(
                acks=acks, compression_type=None if codec == "none" else codec, enable_idempotence=False, linger_ms=20
            )
            futures = [sender.send(topic, value=b"value %d " % number * 40) for number in range(50)]
            sender.flush()
            if acks != 0:
                check_equal([future.get(timeout=30).offset for future in futures], list(range(50)), "offsets")
            sender.close()
            reader = consumer(auto_offset_reset="earliest")
            reader.assign([TopicPartition(topic, 0)])
            values = [record.value for record in read(reader, 50)]
            check_equal(values, [b"value %d " % number * 40 for number in range(50)], f"values of {codec} {acks}")
            reader.close()


@case
def an_idempotent_producer_writes_each_record_once():
    topic = create("kp-idempotent")
    sender = producer(enable_idempotence=True, acks="all")
    futures = [sender.send(topic, value=b"%d" % number) for number in range(200)]
    check_equal([future.get(timeout=30).offset for future in futures], list(range(200)), "offsets")
    sender.close()


@case
def keys_values_and_headers_may_be_null():
    topic = create("kp-nulls")
    sender = producer()
    sender.send(topic, key=None, value=b"no key").get(timeout=30)
    sender.send(topic, key=b"no value", value=None).get(timeout=30)
    sender.send(topic, key=b"", value=b"", headers=[("h", b"1"), ("h", b"2"), ("empty", b"")]).get(timeout=30)
    sender.close()
    reader = consumer(auto_offset_reset="earliest")
    reader.assign([TopicPartition(topic, 0)])
    first, second, third = read(reader, 3)
    check_equal((first.key, first.value), (None, b"no key"), "first")
    check_equal((second.key, second.value), (b"no value", None), "second")
    check_equal((third.key, third.value), (b"", b""), "third")
    check_equal(list(third.headers), [("h", b"1"), ("h", b"2"), ("empty", b"")], "headers")
    reader.close()


@case
def consumes_from_beginning_end_offset_and_time():
    topic = create("kp-seek")
    fill(topic, 10)
    partition = TopicPartition(topic, 0)
    reader = consumer(auto_offset_reset="earliest")
    reader.assign([partition])
    check_equal(reader.beginning_offsets([partition]), {partition: 0}, "beginning")
    check_equal(reader.end_offsets([partition]), {partition: 10}, "end")
    reader.seek(partition, 7)
    check_equal([record.offset for record in read(reader, 3)], [7, 8, 9], "from offset 7")
    found = reader.offsets_for_times({partition: 1_003_500})[partition]
    check_equal((found.offset, found.timestamp), (4, 1_004_000), "first record at or after the time")
    check_equal(reader.offsets_for_times({partition: 9_000_000})[partition], None, "a time after all records")
    reader.seek(partition, found.offset)
    check_equal([record.timestamp for record in read(reader, 6)][:2], [1_004_000, 1_005_000], "timestamps")
    reader.seek_to_end(partition)
    check_equal(reader.position(partition), 10, "position at the end")
    fill(topic, 1)
    check_equal([record.offset for record in read(reader, 1)], [10], "what came after the end")
    reader.seek(partition, 99)
    reader.config["auto_offset_reset"] = "earliest"
    check_equal([record.offset for record in read(reader, 11)], list(range(11)), "reset after an offset out of range")
    reader.close()


@case
def a_record_of_ten_megabytes():
    topic = create("kp-big", max_message_bytes=str(BIG + 100_000))
    sender = producer(max_request_size=BIG + 200_000)
    value = bytes(range(256)) * (BIG // 256)
    check_equal(sender.send(topic, value=value).get(timeout=60).offset, 0, "offset")
    sender.close()
    reader = consumer(auto_offset_reset="earliest")
    reader.assign([TopicPartition(topic, 0)])
    check(read(reader, 1)[0].value == value, "the value comes back whole")
    reader.close()


@case
def a_record_over_the_limit_is_refused():
    topic = create("kp-too-big", max_message_bytes="1000")
    sender = producer()
    try:
        sender.send(topic, value=b"x" * 2000).get(timeout=30)
        raise AssertionError("accepted")
    except errors.MessageSizeTooLargeError:
        sender.close()


@case
def topics_are_created_described_grown_and_deleted():
    client = admin()
    topic = create("kp-admin", partitions=2)
    try:
        client.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
        raise AssertionError("created twice")
    except errors.TopicAlreadyExistsError:
        pass
    check(topic in client.list_topics(), "listed")
    check_equal(len(client.describe_topics([topic])[0]["partitions"]), 2, "partitions")
    client.create_partitions({topic: 5})
    eventually(lambda: len(client.describe_topics([topic])[0]["partitions"]) == 5, "five partitions")
    client.delete_topics([topic])
    eventually(lambda: topic not in client.list_topics(), "the topic is gone")
    client.close()


@case
def a_topic_of_a_thousand_partitions():
    topic = create("kp-thousand", partitions=MANY_PARTITIONS)
    sender = producer(linger_ms=50)
    for number in range(MANY_PARTITIONS):
        sender.send(topic, value=b"%d" % number, partition=number)
    sender.flush()
    sender.close()
    reader = consumer(auto_offset_reset="earliest")
    reader.assign([TopicPartition(topic, number) for number in range(MANY_PARTITIONS)])
    got = {(record.partition, record.value) for record in read(reader, MANY_PARTITIONS)}
    check_equal(len(got), MANY_PARTITIONS, "one record each")
    check(all(value == b"%d" % partition for partition, value in got), "each in its partition")
    reader.close()
    client = admin()
    client.delete_topics([topic])
    client.close()


@case
def configs_are_described_and_altered():
    topic = create("kp-configs", retention_ms="1000000")
    client = admin()

    def value(key):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        return client.describe_configs([resource], config_filter="all")["topic"][topic][key]["value"]

    check_equal(value("retention.ms"), "1000000", "as created")
    check_equal(value("cleanup.policy"), "delete", "the default")
    client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "2000000"})])
    eventually(lambda: value("retention.ms") == "2000000", "the new value")
    client.close()


@case
def records_before_an_offset_are_deleted():
    topic = create("kp-delete-records")
    fill(topic, 10)
    partition = TopicPartition(topic, 0)
    client = admin()
    client.delete_records({partition: 4})
    client.close()
    reader = consumer()
    check_equal(reader.beginning_offsets([partition]), {partition: 4}, "beginning")
    reader.close()


@case
def the_cluster_and_its_log_dirs_are_described():
    topic = create("kp-dirs")
    fill(topic, 1)
    client = admin()
    cluster = client.describe_cluster()
    check_equal(len(cluster["brokers"]), BROKERS, "brokers")
    check(cluster["cluster_id"], "a cluster id")
    dirs = client.describe_log_dirs()
    topics = {entry["name"] for log_dir in dirs[0]["log_dirs"] for entry in log_dir["topics"]}
    check(topic in topics, f"{topic} in {topics}")
    client.close()


@case
def a_group_shares_partitions_and_resumes_where_it_committed():
    topic = create("kp-group", partitions=4)
    options = {"group_id": f"{topic}-readers", "auto_offset_reset": "earliest", "enable_auto_commit": False}
    first, second = (KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, **options) for _ in range(2))

    def shared():
        for reader in (first, second):
            reader.poll(timeout_ms=200)
        owned = [sorted(part.partition for part in reader.assignment()) for reader in (first, second)]
        return all(owned) and sorted(sum(owned, [])) == [0, 1, 2, 3]

    eventually(shared, "two members share four partitions", 60)
    second.close()
    eventually(lambda: first.poll(timeout_ms=200) is not None and len(first.assignment()) == 4, "the rest is taken over", 60)
    fill(topic, 20)
    check_equal(len(read(first, 20)), 20, "records")
    first.commit()
    first.close()
    third = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, **options)
    check_equal(sum(third.committed(TopicPartition(topic, n)) or 0 for n in range(4)), 20, "committed offsets")
    third.close()


main("kafka-python")
