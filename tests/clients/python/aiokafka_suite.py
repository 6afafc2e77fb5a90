"""aiokafka against the broker at $BOOTSTRAP."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.metadata import MetadataRequest

from suite import BIG, BOOTSTRAP, BROKERS, CODECS, MANY_PARTITIONS, REPLICAS, RUN, case, check, check_equal, main


class Opened:
    """Starts a client, hands it out, stops it."""

    def __init__(self, client):
        self.client = client

    async def __aenter__(self):
        await self.client.start()
        return self.client

    async def __aexit__(self, *_):
        await (self.client.close() if hasattr(self.client, "close") else self.client.stop())


def admin():
    return Opened(AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP))


def producer(**options):
    return Opened(AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, **options))


def consumer(**options):
    return Opened(AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", **options))


async def until(condition, what, seconds=30):
    """Polls until the awaited condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)
    return what


async def create(name, partitions=1, **configs):
    name = f"{name}-{RUN}"
    config = {key.replace("_", "."): value for key, value in configs.items()}
    async with admin() as client:
        answer = await client.create_topics([NewTopic(name, partitions, REPLICAS, topic_configs=config)])
        check_equal([error[1] for error in answer.topic_errors], [0], f"{name} is created")

        # At every broker: the client asks any of them.
        async def known():
            nodes = [broker.nodeId for broker in client._client.cluster.brokers()]
            answers = [await client._send_request_to_node(node, MetadataRequest([name])) for node in nodes]
            found = [answer.to_object()["topics"][0] for answer in answers]
            return all(each["error_code"] == 0 and len(each["partitions"]) == partitions for each in found)

        await until(known, f"{name} is known")
    return name


async def read(reader, count):
    async with asyncio.timeout(30):
        return [await reader.getone() for _ in range(count)]


async def fill(topic, count):
    async with producer(acks="all") as sender:
        for number in range(count):
            await sender.send_and_wait(topic, b"v%d" % number, timestamp_ms=1_000_000 + number * 1_000)


@case
async def produces_with_each_codec_and_each_acks():
    wanted = [b"value %d " % number * 40 for number in range(50)]
    for codec in CODECS:
        for acks in (0, 1, "all"):
            topic = await create(f"ak-{codec}-{acks}")
            async with producer(acks=acks, compression_type=None if codec == "none" else codec, linger_ms=20) as sender:
                futures = [await sender.send(topic, value) for value in wanted]
                results = await asyncio.gather(*futures)
                if acks != 0:
                    check_equal([result.offset for result in results], list(range(50)), "offsets")
            async with consumer() as reader:
                reader.assign([TopicPartition(topic, 0)])
                values = [record.value for record in await read(reader, 50)]
                check_equal(values, wanted, f"values of {codec} {acks}")


@case
async def an_idempotent_producer_writes_each_record_once():
    topic = await create("ak-idempotent")
    async with producer(enable_idempotence=True) as sender:
        results = await asyncio.gather(*[await sender.send(topic, b"%d" % number) for number in range(200)])
        check_equal([result.offset for result in results], list(range(200)), "offsets")


@case
async def keys_values_and_headers_may_be_null():
    topic = await create("ak-nulls")
    async with producer() as sender:
        await sender.send_and_wait(topic, b"no key")
        await sender.send_and_wait(topic, None, key=b"no value")
        await sender.send_and_wait(topic, b"", key=b"", headers=[("h", b"1"), ("h", b"2")])
    async with consumer() as reader:
        reader.assign([TopicPartition(topic, 0)])
        first, second, third = await read(reader, 3)
        check_equal((first.key, first.value), (None, b"no key"), "first")
        check_equal((second.key, second.value), (b"no value", None), "second")
        check_equal(third.headers, (("h", b"1"), ("h", b"2")), "headers")


@case
async def consumes_from_beginning_end_offset_and_time():
    topic = await create("ak-seek")
    await fill(topic, 10)
    partition = TopicPartition(topic, 0)
    async with consumer() as reader:
        reader.assign([partition])
        check_equal(await reader.beginning_offsets([partition]), {partition: 0}, "beginning")
        check_equal(await reader.end_offsets([partition]), {partition: 10}, "end")
        reader.seek(partition, 7)
        check_equal([record.offset for record in await read(reader, 3)], [7, 8, 9], "from offset 7")
        found = (await reader.offsets_for_times({partition: 1_003_500}))[partition]
        check_equal((found.offset, found.timestamp), (4, 1_004_000), "first record at or after the time")
        reader.seek(partition, found.offset)
        check_equal((await read(reader, 1))[0].timestamp, 1_004_000, "timestamp")
        await reader.seek_to_end(partition)
        check_equal(await reader.position(partition), 10, "position at the end")
        await fill(topic, 1)
        check_equal((await read(reader, 1))[0].offset, 10, "what came after the end")
        reader.seek(partition, 99)
        check_equal((await read(reader, 1))[0].offset, 0, "reset after an offset out of range")


@case
async def a_record_of_ten_megabytes():
    topic = await create("ak-big", max_message_bytes=str(BIG + 100_000))
    value = bytes(range(256)) * (BIG // 256)
    async with producer(max_request_size=BIG + 200_000) as sender:
        check_equal((await sender.send_and_wait(topic, value)).offset, 0, "offset")
    async with consumer() as reader:
        reader.assign([TopicPartition(topic, 0)])
        check((await read(reader, 1))[0].value == value, "the value comes back whole")


@case
async def a_record_over_the_limit_is_refused():
    topic = await create("ak-too-big", max_message_bytes="1000")
    async with producer() as sender:
        try:
            await sender.send_and_wait(topic, b"x" * 2000)
        except errors.MessageSizeTooLargeError:
            return
    raise AssertionError("accepted")


@case
async def topics_are_created_grown_and_deleted():
    topic = await create("ak-admin", partitions=2)
    async with admin() as client:
        answer = await client.create_topics([NewTopic(topic, 2, 1)])
        check_equal([error[1] for error in answer.topic_errors], [36], "created twice")
        await client.create_partitions({topic: NewPartitions(5)})

        async def grown():
            return len((await client.describe_topics([topic]))[0]["partitions"]) == 5

        await until(grown, "five partitions")
        await client.delete_topics([topic])

        async def gone():
            return topic not in await client.list_topics()

        await until(gone, "the topic is gone")


@case
async def a_topic_of_a_thousand_partitions():
    topic = await create("ak-thousand", partitions=MANY_PARTITIONS)
    async with producer(linger_ms=50) as sender:
        await asyncio.gather(*[await sender.send(topic, b"%d" % n, partition=n) for n in range(MANY_PARTITIONS)])
    async with consumer() as reader:
        reader.assign([TopicPartition(topic, number) for number in range(MANY_PARTITIONS)])
        got = {(record.partition, record.value) for record in await read(reader, MANY_PARTITIONS)}
        check_equal(got, {(n, b"%d" % n) for n in range(MANY_PARTITIONS)}, "one record in each partition")
    async with admin() as client:
        await client.delete_topics([topic])


@case
async def configs_are_described_and_altered():
    topic = await create("ak-configs", retention_ms="1000000")
    async with admin() as client:

        async def value(key):
            answers = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            return {entry[0]: entry[1] for entry in answers[0].resources[0][4]}[key]

        check_equal(await value("retention.ms"), "1000000", "as created")
        check_equal(await value("cleanup.policy"), "delete", "the default")
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "2000000"})])

        async def altered():
            return await value("retention.ms") == "2000000"

        await until(altered, "the new value")


@case
async def records_before_an_offset_are_deleted():
    topic = await create("ak-delete-records")
    await fill(topic, 10)
    partition = TopicPartition(topic, 0)
    async with admin() as client:
        answer = await client.delete_records({partition: RecordsToDelete(before_offset=4)})
        check_equal(answer, {partition: 4}, "low watermark")
    async with consumer() as reader:
        reader.assign([partition])
        check_equal(await reader.beginning_offsets([partition]), {partition: 4}, "beginning")


@case
async def the_cluster_is_described():
    async with admin() as client:
        cluster = await client.describe_cluster()
        check_equal(len(cluster["brokers"]), BROKERS, "brokers")


@case
async def a_group_shares_partitions_and_resumes_where_it_committed():
    topic = await create("ak-group", partitions=4)
    options = {
        "group_id": f"{topic}-readers", "auto_offset_reset": "earliest", "enable_auto_commit": False,
        "bootstrap_servers": BOOTSTRAP, "heartbeat_interval_ms": 500,
    }
    async with Opened(AIOKafkaConsumer(topic, **options)) as first:
        async with Opened(AIOKafkaConsumer(topic, **options)) as second:
            async def shared():
                owned = [sorted(part.partition for part in reader.assignment()) for reader in (first, second)]
                return all(owned) and sorted(sum(owned, [])) == [0, 1, 2, 3]

            await until(shared, "two members share four partitions", 60)

        async def alone():
            return len(first.assignment()) == 4

        await until(alone, "the rest is taken over", 60)
        async with producer() as sender:
            for number in range(20):
                await sender.send_and_wait(topic, b"%d" % number, partition=number % 4)
        values = [int((await first.getone()).value) for _ in range(20)]
        check_equal(sorted(values), list(range(20)), "what is read")
        await first.commit()
    async with Opened(AIOKafkaConsumer(topic, **options)) as third:
        offsets = [await third.committed(TopicPartition(topic, number)) for number in range(4)]
        check_equal(offsets, [5, 5, 5, 5], "committed offsets")


main("aiokafka", lambda function: asyncio.run(function()))
