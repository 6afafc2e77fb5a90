"""librdkafka's members of a churning group: see churn.py."""

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from churn import GROUP, SETTINGS, TOPIC, numbers, obey, pairs
from suite import BOOTSTRAP

REFUSED = {
    KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH, KafkaError.FENCED_INSTANCE_ID,
}


def settings(told):
    common = {
        "bootstrap.servers": BOOTSTRAP, "group.id": GROUP, "client.id": told.name, "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "enable.auto.offset.store": False, "allow.auto.create.topics": False,
        "topic.metadata.refresh.interval.ms": 1000,
    } | SETTINGS
    if common.get("group.protocol") != "consumer":
        common |= {"session.timeout.ms": told.session_timeout, "heartbeat.interval.ms": 500}
    return common | ({"group.instance.id": told.instance} if told.instance else {})


def member(told):
    consumer = Consumer(settings(told))

    def assigned(_, partitions):
        told.tell(f"assigned - {numbers(partitions)}")

    def revoked(_, partitions):
        told.tell(f"revoked {numbers(partitions)}")

    def lost(_, partitions):
        told.tell(f"lost {numbers(partitions)}")

    consumer.subscribe([TOPIC], on_assign=assigned, on_revoke=revoked, on_lost=lost)
    while not told.leaving:
        read = consumer.consume(num_messages=100, timeout=0.1)
        for message in read:
            if message.error():
                raise KafkaException(message.error())
        if read:
            told.tell("read " + pairs((message.partition(), message.offset()) for message in read))
            commit(told, consumer, {message.partition(): message.offset() + 1 for message in read})
    consumer.close()


def commit(told, consumer, offsets):
    told.tell("committing " + pairs(offsets.items()))
    wanted = [TopicPartition(TOPIC, partition, offset) for partition, offset in offsets.items()]
    try:
        for each in consumer.commit(offsets=wanted, asynchronous=False):
            if each.error:
                raise KafkaException(each.error)
    except KafkaException as problem:
        if problem.args[0].code() in REFUSED:
            told.tell("refused " + pairs(offsets.items()))
        elif not problem.args[0].retriable():
            raise
    else:
        told.tell("committed " + pairs(offsets.items()))


obey(member)
