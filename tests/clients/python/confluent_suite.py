"""confluent-kafka, which is librdkafka, against the broker at $BOOTSTRAP."""

from confluent_kafka import (
    OFFSET_BEGINNING, OFFSET_END, TIMESTAMP_CREATE_TIME, Consumer, ConsumerGroupTopicPartitions, KafkaError,
    KafkaException, Producer, TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType,
)

from suite import BIG, BOOTSTRAP, BROKERS, CODECS, MANY_PARTITIONS, REPLICAS, RUN, case, check, check_equal, eventually, main


ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})


def admin():
    """One for all cases: an admin client that is dropped takes its unfinished calls with it."""
    return ADMIN


def done(futures):
    """The results of an admin call; the first error is raised."""
    return {key: future.result(timeout=30) for key, future in futures.items()}


def create(name, partitions=1, **configs):
    name = f"{name}-{RUN}"
    config = {key.replace("_", "."): value for key, value in configs.items()}
    client = admin()
    done(client.create_topics([NewTopic(name, partitions, REPLICAS, config=config)]))
    eventually(lambda: name in client.list_topics(timeout=10).topics, f"{name} is known")
    return name


def send_all(topic, records, **options):
    """Produces dicts of produce() arguments and returns the offsets in order of delivery."""
    settings = {"bootstrap.servers": BOOTSTRAP} | {key.replace("_", "."): value for key, value in options.items()}
    producer = Producer(settings)
    offsets = []

    def delivered(error, message):
        if error is not None:
            raise KafkaException(error)
        offsets.append(message.offset())

    for record in records:
        producer.produce(topic, on_delivery=delivered, **record)
        producer.poll(0)
    check_equal(producer.flush(60), 0, "records left undelivered")
    return offsets


def reader(*positions, **options):
    settings = {
        "bootstrap.servers": BOOTSTRAP, "group.id": "unused", "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    } | {key.replace("_", "."): value for key, value in options.items()}
    consumer = Consumer(settings)
    consumer.assign(list(positions))
    return consumer


def read(consumer, count):
    """The next `count` records, or an error when they do not come."""
    records = []

    def enough():
        for message in consumer.consume(num_messages=count - len(records), timeout=0.5):
            if message.error():
                raise KafkaException(message.error())
            records.append(message)
        return len(records) >= count

    eventually(enough, f"{count} records")
    return records


def refused(call, code):
    """The call must fail with this error."""
    try:
        call()
    except KafkaException as error:
        check_equal(error.args[0].code(), code, "the error")
    else:
        raise AssertionError(f"accepted instead of error {code}")


@case
def produces_with_each_codec_and_each_acks():
    wanted = [b"value %d " % number * 40 for number in range(50)]
    for codec in CODECS:
        for acks in (0, 1, "all"):
            topic = create(f"ck-{codec}-{acks}")
            offsets = send_all(topic, [{"value": value} for value in wanted], compression_type=codec, acks=acks, linger_ms=20)
            if acks != 0:
                check_equal(offsets, list(range(50)), "offsets")
            consumer = reader(TopicPartition(topic, 0, OFFSET_BEGINNING))
            check_equal([message.value() for message in read(consumer, 50)], wanted, f"values of {codec} {acks}")
            consumer.close()


@case
def an_idempotent_producer_writes_each_record_once():
    topic = create("ck-idempotent")
    records = [{"value": b"%d" % number} for number in range(1000)]
    check_equal(send_all(topic, records, enable_idempotence=True, linger_ms=1), list(range(1000)), "offsets")


@case
def keys_values_and_headers_may_be_null():
    topic = create("ck-nulls")
    headers = [("h", b"1"), ("h", None), ("empty", b"")]
    send_all(topic, [{"value": b"no key"}, {"key": b"no value"}, {"key": b"", "value": b"", "headers": headers}])
    consumer = reader(TopicPartition(topic, 0, OFFSET_BEGINNING))
    first, second, third = read(consumer, 3)
    check_equal((first.key(), first.value()), (None, b"no key"), "first")
    check_equal((second.key(), second.value()), (b"no value", None), "second")
    check_equal(third.headers(), headers, "headers")
    consumer.close()


@case
def consumes_from_beginning_end_offset_and_time():
    topic = create("ck-seek")
    send_all(topic, [{"value": b"%d" % n, "timestamp": 1_000_000 + n * 1_000} for n in range(10)], batch_num_messages=1)
    consumer = reader(TopicPartition(topic, 0, 7))
    check_equal([message.offset() for message in read(consumer, 3)], [7, 8, 9], "from offset 7")
    check_equal(consumer.get_watermark_offsets(TopicPartition(topic, 0)), (0, 10), "watermarks")
    found = consumer.offsets_for_times([TopicPartition(topic, 0, 1_003_500)], timeout=10)[0]
    check_equal(found.offset, 4, "first record at or after the time")
    consumer.seek(TopicPartition(topic, 0, found.offset))
    check_equal(read(consumer, 6)[0].timestamp(), (TIMESTAMP_CREATE_TIME, 1_004_000), "timestamp")
    consumer.close()
    consumer = reader(TopicPartition(topic, 0, OFFSET_END))
    eventually(lambda: consumer.poll(0.2) is None and consumer.position([TopicPartition(topic, 0)]), "at the end")
    consumer.close()
    consumer = reader(TopicPartition(topic, 0, 99))
    check_equal([message.offset() for message in read(consumer, 10)], list(range(10)), "reset when out of range")
    consumer.close()


@case
def offsets_are_listed_by_the_admin_client():
    topic = create("ck-list-offsets")
    send_all(topic, [{"value": b"%d" % n, "timestamp": 2_000_000 - n * 1_000} for n in range(10)])
    client, partition = admin(), TopicPartition(topic, 0)
    for spec, wanted in [(OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 10), (OffsetSpec.max_timestamp(), 0),
                         (OffsetSpec.for_timestamp(1_995_000), 0)]:
        listed = done(client.list_offsets({partition: spec}))
        check_equal([result.offset for result in listed.values()], [wanted], f"offset of {spec}")


@case
def a_record_of_ten_megabytes():
    topic = create("ck-big", max_message_bytes=str(BIG + 100_000))
    value = bytes(range(256)) * (BIG // 256)
    check_equal(send_all(topic, [{"value": value}], message_max_bytes=BIG + 100_000), [0], "offsets")
    consumer = reader(TopicPartition(topic, 0, OFFSET_BEGINNING))
    check(read(consumer, 1)[0].value() == value, "the value comes back whole")
    consumer.close()


@case
def a_record_over_the_limit_is_refused():
    topic = create("ck-too-big", max_message_bytes="1000")
    refused(lambda: send_all(topic, [{"value": b"x" * 2000}]), KafkaError.MSG_SIZE_TOO_LARGE)


@case
def topics_are_created_described_grown_and_deleted():
    topic, client = create("ck-admin", partitions=2), admin()
    refused(lambda: done(client.create_topics([NewTopic(topic, 2, 1)])), KafkaError.TOPIC_ALREADY_EXISTS)
    refused(lambda: done(client.create_topics([NewTopic(f"ck-rf-{RUN}", 1, BROKERS + 1)])), KafkaError.INVALID_REPLICATION_FACTOR)
    refused(lambda: done(client.create_topics([NewTopic("bad/name", 1, 1)])), KafkaError.TOPIC_EXCEPTION)
    done(client.create_partitions([NewPartitions(topic, 5)]))
    eventually(lambda: len(client.list_topics(topic, timeout=10).topics[topic].partitions) == 5, "five partitions")
    refused(lambda: done(client.create_partitions([NewPartitions(topic, 3)])), KafkaError.INVALID_PARTITIONS)
    done(client.delete_topics([topic]))
    eventually(lambda: topic not in client.list_topics(timeout=10).topics, "the topic is gone")
    refused(lambda: done(client.delete_topics([topic])), KafkaError.UNKNOWN_TOPIC_OR_PART)


@case
def a_topic_of_a_thousand_partitions():
    topic = create("ck-thousand", partitions=MANY_PARTITIONS)
    send_all(topic, [{"value": b"%d" % n, "partition": n} for n in range(MANY_PARTITIONS)], linger_ms=50)
    consumer = reader(*[TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(MANY_PARTITIONS)])
    got = {(message.partition(), message.value()) for message in read(consumer, MANY_PARTITIONS)}
    check_equal(got, {(n, b"%d" % n) for n in range(MANY_PARTITIONS)}, "one record in each partition")
    consumer.close()
    done(admin().delete_topics([topic]))


@case
def configs_are_described_and_altered():
    topic, client = create("ck-configs", retention_ms="1000000"), admin()

    def entry(key):
        resource = ConfigResource(ResourceType.TOPIC, topic)
        return client.describe_configs([resource])[resource].result(timeout=30)[key]

    check_equal((entry("retention.ms").value, entry("retention.ms").is_default), ("1000000", False), "as created")
    check_equal((entry("cleanup.policy").value, entry("cleanup.policy").is_default), ("delete", True), "the default")
    change = ConfigEntry("retention.ms", "2000000", incremental_operation=AlterConfigOpType.SET)
    done(client.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])]))
    eventually(lambda: entry("retention.ms").value == "2000000", "the new value")
    change = ConfigEntry("retention.ms", "x", incremental_operation=AlterConfigOpType.SET)
    wrong = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
    refused(lambda: done(client.incremental_alter_configs([wrong])), KafkaError.INVALID_CONFIG)
    change = ConfigEntry("retention.ms", "", incremental_operation=AlterConfigOpType.DELETE)
    done(client.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])]))
    eventually(lambda: entry("retention.ms").value == "604800000", "the default again")


@case
def records_before_an_offset_are_deleted():
    topic = create("ck-delete-records")
    send_all(topic, [{"value": b"%d" % n} for n in range(10)])
    result = done(admin().delete_records([TopicPartition(topic, 0, 4)]))
    check_equal([deleted.low_watermark for deleted in result.values()], [4], "low watermark")
    consumer = reader(TopicPartition(topic, 0, OFFSET_BEGINNING))
    check_equal([message.offset() for message in read(consumer, 6)], [4, 5, 6, 7, 8, 9], "what is left")
    consumer.close()


@case
def the_cluster_is_described():
    cluster = admin().describe_cluster().result(timeout=30)
    check_equal(len(cluster.nodes), BROKERS, "nodes")
    check(cluster.cluster_id and cluster.controller is not None, "cluster id and controller")


def member(group, topic, **options):
    settings = {
        "bootstrap.servers": BOOTSTRAP, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
    } | {key.replace("_", "."): value for key, value in options.items()}
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    return consumer


def shared(members, partitions):
    """Polls the members until together they own every partition once; answers what was read meanwhile."""
    records = []

    def settled():
        for consumer in members:
            records.extend(consumer.consume(num_messages=100, timeout=0.1))
        owned = [sorted(part.partition for part in consumer.assignment()) for consumer in members]
        return all(owned) and sorted(sum(owned, [])) == list(range(partitions))

    eventually(settled, f"{len(members)} members share {partitions} partitions", 60)
    return [record.value() for record in records if not record.error()]


@case
def a_group_shares_partitions_and_takes_over_from_those_that_leave():
    for strategy in ("range,roundrobin", "cooperative-sticky"):
        topic = create(f"ck-group-{strategy.partition(',')[0]}", partitions=6)
        group = f"{topic}-readers"
        first = member(group, topic, partition_assignment_strategy=strategy)
        shared([first], 6)
        second = member(group, topic, partition_assignment_strategy=strategy)
        shared([first, second], 6)
        second.close()
        shared([first], 6)
        send_all(topic, [{"value": b"%d" % n, "partition": n % 6} for n in range(60)])
        check_equal(sorted(int(record.value()) for record in read(first, 60)), list(range(60)), "what is read")
        first.commit(asynchronous=False)
        first.close()
        send_all(topic, [{"value": b"more", "partition": 3}])
        third = member(group, topic, partition_assignment_strategy=strategy)
        check_equal([record.value() for record in read(third, 1)], [b"more"], "after the commit")
        third.close()


@case
def a_static_member_comes_back_without_a_rebalance():
    topic = create("ck-static", partitions=4)
    group = f"{topic}-readers"
    names = [member(group, topic, group_instance_id=f"i{n}") for n in range(2)]
    shared(names, 4)
    owned = sorted(part.partition for part in names[1].assignment())
    names[1].close()
    again = member(group, topic, group_instance_id="i1")
    shared([names[0], again], 4)
    check_equal(sorted(part.partition for part in again.assignment()), owned, "its old part")
    names[0].close()
    again.close()


@case
def groups_are_listed_described_and_deleted():
    topic, client = create("ck-groups", partitions=2), admin()
    group = f"{topic}-readers"
    consumer = member(group, topic, client_id="somebody")
    shared([consumer], 2)
    described = done(client.describe_consumer_groups([group]))[group]
    check_equal((described.state.name, described.partition_assignor), ("STABLE", "range"), "state and assignor")
    check_equal([one.client_id for one in described.members], ["somebody"], "members")
    refused(lambda: done(client.delete_consumer_groups([group])), KafkaError.NON_EMPTY_GROUP)
    consumer.commit(offsets=[TopicPartition(topic, 0, 7)], asynchronous=False)
    consumer.close()
    listed = {one.group_id: one.state.name for one in client.list_consumer_groups().result(timeout=30).valid}
    check_equal(listed.get(group), "EMPTY", "the group when everybody has left")
    request = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0), TopicPartition(topic, 1)])]
    offsets = done(client.list_consumer_group_offsets(request))[group].topic_partitions
    check_equal([part.offset for part in offsets], [7, -1001], "committed offsets")
    altered = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 3)])]
    done(client.alter_consumer_group_offsets(altered))
    check_equal(done(client.list_consumer_group_offsets(request))[group].topic_partitions[0].offset, 3, "altered")
    done(client.delete_consumer_groups([group]))
    refused(lambda: done(client.delete_consumer_groups([group])), KafkaError.GROUP_ID_NOT_FOUND)


main("librdkafka")
