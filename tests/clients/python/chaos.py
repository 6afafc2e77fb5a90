"""librdkafka while a cluster suffers: `chaos.py PLAIN PARTITIONS FORWARDED SEED PAUSE_MS`. An idempotent producer, a consumer
that is in no group, members of a KIP-848 group of which one leaves now and then, and, unless FORWARDED is empty, a member of another
one that forwards the plain topic there, exactly once. What they do and see is a line of JSON each on the standard output, written before a call and after its answer:
crates/testkit/tests/chaos/history.rs. A line on standard input ends the producer, its end the rest; who does not end then is told."""

import contextlib
import faulthandler
import json
import os
import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from suite import BOOTSTRAP

TOPIC, PARTITIONS, FORWARDED, SEED, PAUSE_MS = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
GROUP, FORWARDERS = "librdkafka-group", "forwarders"
COMMON = {
    "bootstrap.servers": BOOTSTRAP, "socket.timeout.ms": 5000, "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.interval.ms": 5000, "socket.connection.setup.timeout.ms": 3000, "log_level": 0,
}
# A commit that comes too late: the partitions are somebody else's by now.
REFUSED = {
    KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.STALE_MEMBER_EPOCH, KafkaError.FENCED_MEMBER_EPOCH,
}
# What librdkafka tells of itself and cures itself, though it does not call it retriable.
PASSING = {
    KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT,
    KafkaError._RESOLVE, KafkaError._WAIT_COORD, KafkaError._TIMED_OUT_QUEUE, KafkaError._FAIL, KafkaError._STATE,
    KafkaError._NO_OFFSET, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REQUEST_TIMED_OUT, KafkaError.NETWORK_EXCEPTION, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR, KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError.KAFKA_STORAGE_ERROR,
}

# For whoever looks into a finding: why librdkafka begins a new epoch, among much else.
DEBUG = {"debug": "eos,msg,protocol", "log_level": 7} if "CHAOS_DEBUG" in os.environ else {}

# Seconds that a transactional call may take before it is made again: librdkafka would wait for ever.
CALL = 30
# Seconds after which a transactional producer is left alone with such a call: send_offsets_to_transaction does not keep to its timeout
# while it waits for the group's coordinator (librdkafka #5456), and waits for ever for one that metadata does not have any more (#5511).
STUCK = CALL + 15
# Seconds that a producer may take to have everything settled, longer than delivery.timeout.ms, and all the rest then to end:
# together less than whoever runs this waits.
SETTLING, ENDING = 75, 90

producing = consuming = True
# The epoch of the leader of the last record polled, by consumer and partition.
EPOCHS = {}


def tell(did, who, **more):
    # One write of one line: the file's order is the order in which things happened.
    os.write(1, (json.dumps({"did": did, "who": who} | more, separators=(",", ":")) + "\n").encode())


def complaint(error):
    fatal = error.fatal() or not (error.retriable() or error.code() in PASSING)
    return {"error": error.str() if fatal else error.name(), "severity": "fatal" if fatal else "retriable"}


def written_at(message):
    """A duplicate of what is no longer remembered is acknowledged, and nobody says where it is."""
    return -1 if message.offset() is None else message.offset()


def produce(who, chance):
    producer = Producer(COMMON | DEBUG | {
        "client.id": who, "enable.idempotence": True, "acks": "all", "linger.ms": 2, "delivery.timeout.ms": 60000,
        "error_cb": lambda error: tell("erred", who, **complaint(error)),
    })
    sequences = [0] * PARTITIONS
    while producing:
        partition = chance.randrange(PARTITIONS)
        sequence = sequences[partition]
        sequences[partition] += 1
        record = {"topic": TOPIC, "partition": partition, "sequence": sequence}

        def settled(error, message, record=record):
            if error:
                tell("failed", who, **record, **complaint(error))
            else:
                tell("acknowledged", who, **record, offset=written_at(message))

        tell("sends", who, **record)
        producer.produce(TOPIC, f"{who}:{partition}:{sequence}", partition=partition, on_delivery=settled)
        producer.poll(chance.uniform(0, 2 * PAUSE_MS) / 1000)
    if producer.flush(SETTLING):
        tell("erred", who, error=f"what was sent is not settled after {SETTLING} s", severity="fatal")


def polled(who, consumer):
    """What was polled is told; answers the records of each partition."""
    found, epochs = {}, EPOCHS.setdefault(who, {})
    for message in consumer.consume(num_messages=500, timeout=0.2):
        if message.error():
            tell("erred", who, **complaint(message.error()))
            continue
        found.setdefault(message.partition(), []).append([message.offset(), message.value().decode()])
        epochs[message.partition()] = message.leader_epoch()
    for partition, records in found.items():
        tell("polled", who, topic=TOPIC, partition=partition, records=records)
    return found


def ends(found):
    """Where each partition goes on."""
    return {partition: records[-1][0] + 1 for partition, records in found.items()}


def positions(who, found):
    """The same with the epochs of the leaders: without one, whoever goes on there believes a leader that does not know yet that it is
    none any more, and that has nothing there (KIP-320)."""
    return [TopicPartition(TOPIC, partition, end, leader_epoch=EPOCHS[who][partition]) for partition, end in ends(found).items()]


def settings(who):
    return COMMON | {
        "client.id": who, "enable.auto.commit": False, "enable.auto.offset.store": False,
        "error_cb": lambda error: tell("erred", who, **complaint(error)),
    }


def assigned(who, partitions, isolation="read_uncommitted", **more):
    tell("assigned", who, topic=TOPIC, partitions=sorted(partitions), isolation=isolation, **more)


def read(who):
    consumer = Consumer(settings(who) | {"group.id": "none", "auto.offset.reset": "error", "isolation.level": "read_uncommitted"})
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
    assigned(who, range(PARTITIONS))
    while consuming:
        polled(who, consumer)
    consumer.close()


def join(who, group, isolation="read_uncommitted"):
    consumer = Consumer(settings(who) | {
        "group.id": group, "group.protocol": "consumer", "auto.offset.reset": "earliest", "isolation.level": isolation,
    })

    def given(_, partitions):
        assigned(who, [each.partition for each in partitions], isolation, group=group)

    consumer.subscribe([TOPIC], on_assign=given)
    return consumer


def member(who, chance=None):
    while consuming:
        consumer = join(who, GROUP)
        polls = chance.randrange(50, 250) if chance else -1
        while consuming and polls:
            polls -= 1
            found = polled(who, consumer)
            if found:
                commit(who, consumer, found)
        consumer.close()


class Forwarder:
    """A transactional producer and a consumer as long as nothing goes wrong with them."""

    def __init__(self, who):
        self.who, self.consumer, self.stuck, self.called = who, None, False, time.monotonic()

    def call(self, call):
        """A call that may be made again."""
        for attempt in range(10):
            self.called = time.monotonic()
            try:
                return call()
            except KafkaException as problem:
                if not problem.args[0].retriable() or attempt == 9 or not consuming:
                    raise
                tell("erred", self.who, error=problem.args[0].name(), severity="retriable")

    def live(self, who, chance, progress):
        producer = Producer(COMMON | DEBUG | {
            "client.id": who, "transactional.id": who, "transaction.timeout.ms": 60000, "linger.ms": 2,
            "error_cb": lambda error: tell("erred", who, error=error.name(), severity="retriable"),
        })
        # Otherwise librdkafka would not ask for stable positions, and begin before a transaction that is being committed.
        self.consumer = join(who, FORWARDERS, "read_committed")
        try:
            self.call(lambda: producer.init_transactions(CALL))
            for _ in range(chance.randrange(30, 130)):
                if not consuming or self.stuck:
                    break
                self.called = time.monotonic()
                found = polled(who, self.consumer)
                if found:
                    forward_portion(self, producer, found, progress, chance.randrange(6) == 0)
        except KafkaException as problem:
            # Fatal ones too: librdkafka aborts transactions that the coordinator did not begin yet, which is INVALID_TXN_STATE (#4849).
            tell("erred", who, error=problem.args[0].name(), severity="retriable")
            time.sleep(0.2)
        finally:
            self.called = time.monotonic()
            if not self.stuck:
                self.consumer.close()

    def leave(self, _):
        """A call does not come back: the group need not wait for this member too."""
        self.stuck = True
        if self.consumer:
            with contextlib.suppress(RuntimeError, KafkaException):
                self.consumer.close()


def forward(who, chance):
    """What is read goes to the same partition of another topic, together with where the group stands, in transactions of which some
    are aborted. A value ends with the offset of the record that it forwards. Whatever goes wrong, it begins anew, as it also does now
    and then by itself: the next one fences the one before, and ends its transaction."""
    progress = {"transaction": 0, "sequences": [0] * PARTITIONS}
    while consuming:
        forwarder = Forwarder(who)
        thread = run(who, forwarder.live, chance, progress)
        while thread.is_alive() and time.monotonic() < forwarder.called + STUCK:
            thread.join(0.2)
        if thread.is_alive():
            tell("erred", who, error="librdkafka does not come back", severity="retriable")
            run(who, forwarder.leave)


def forward_portion(forwarder, producer, found, progress, abort):
    who, consumer = forwarder.who, forwarder.consumer
    progress["transaction"] += 1
    transaction = progress["transaction"]
    producer.begin_transaction()
    for partition, records in found.items():
        for offset, _ in records:
            progress["sequences"][partition] += 1
            sequence = progress["sequences"][partition]
            record = {"topic": FORWARDED, "partition": partition, "sequence": sequence}

            def settled(error, message, record=record):
                if error:
                    tell("failed", who, **record, error=error.name(), severity="retriable")
                else:
                    tell("acknowledged", who, **record, offset=written_at(message))

            tell("sends", who, **record, transaction=transaction)
            producer.produce(FORWARDED, f"{who}:{partition}:{sequence}:{offset}", partition=partition, on_delivery=settled)
        producer.poll(0)
    if abort:
        forwarder.call(lambda: producer.abort_transaction(CALL))
        tell("aborted", who, transaction=transaction)
        for partition, records in found.items():
            consumer.seek(TopicPartition(TOPIC, partition, records[0][0]))
        assigned(who, list(found), "read_committed", group=FORWARDERS)
        return
    what = {"group": FORWARDERS, "topic": TOPIC, "offsets": list(ends(found).items())}
    tell("committing", who, **what)
    stand = positions(who, found)
    forwarder.call(lambda: producer.send_offsets_to_transaction(stand, consumer.consumer_group_metadata(), CALL))
    forwarder.call(lambda: producer.commit_transaction(CALL))
    tell("committed", who, transaction=transaction)
    tell("committed_offsets", who, **what)


def commit(who, consumer, found):
    what = {"group": GROUP, "topic": TOPIC, "offsets": list(ends(found).items())}
    tell("committing", who, **what)
    try:
        for each in consumer.commit(offsets=positions(who, found), asynchronous=False):
            if each.error:
                raise KafkaException(each.error)
    except KafkaException as problem:
        if problem.args[0].code() not in REFUSED:
            tell("erred", who, **complaint(problem.args[0]))
    else:
        tell("committed_offsets", who, **what)


def run(who, body, *arguments):
    def guarded():
        try:
            body(who, *arguments)
        except BaseException as problem:
            tell("erred", who, error=repr(problem), severity="fatal")

    thread = threading.Thread(target=guarded, name=who, daemon=True)
    thread.start()
    return thread


def end(threads):
    """A thread that does not end is a finding, with where it is."""
    deadline = time.monotonic() + ENDING
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
        if thread.is_alive():
            tell("erred", thread.name, error="does not end", severity="fatal")
            faulthandler.dump_traceback()


producers = [run("librdkafka-a", produce, random.Random(SEED))]
consumers = [
    run("librdkafka-reader", read), run("librdkafka-m1", member), run("librdkafka-m2", member, random.Random(SEED + 1)),
]
if FORWARDED:
    consumers.append(run("librdkafka-f", forward, random.Random(SEED + 2)))
sys.stdin.readline()
producing = False
end(producers)
sys.stdin.read()
consuming = False
end(consumers)
tell("ended", "librdkafka")
sys.stdout.flush()
os._exit(0)
