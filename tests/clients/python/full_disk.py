"""A disk that fills up, as users of librdkafka and kafka-python see it; the broker at $BOOTSTRAP has a small one."""

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType
from kafka import KafkaProducer
from kafka.errors import KafkaStorageError

from suite import BOOTSTRAP, case, check, check_equal, eventually, main

ADMIN = AdminClient({"bootstrap.servers": BOOTSTRAP})
VALUE = b"x" * 500_000
FILLED = "filled"
OTHER = "other"


def done(futures):
    return {key: future.result(timeout=30) for key, future in futures.items()}


def create(name, **configs):
    config = {"segment.bytes": "2097152"} | {key.replace("_", "."): value for key, value in configs.items()}
    done(ADMIN.create_topics([NewTopic(name, 1, 1, config=config)]))
    eventually(lambda: name in ADMIN.list_topics(timeout=10).topics, f"{name} is known")


def send(producer, topic):
    """Sends one record and answers its error, if any."""
    outcome = []
    producer.produce(topic, VALUE, on_delivery=lambda error, _: outcome.append(error))
    producer.flush(60)
    check(outcome, "an answer")
    return outcome[0]


def impatient():
    """A producer that tells what the broker says the first time."""
    return Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "retries": 0})


def fill(topic):
    """Sends until there is no space; answers how many records were taken."""
    producer = impatient()
    for taken in range(1000):
        error = send(producer, topic)
        if error is not None:
            check_equal(error.code(), KafkaError.KAFKA_STORAGE_ERROR, "what a full disk answers")
            return taken
    raise AssertionError("the disk does not fill up")


def end_of(topic):
    consumer = Consumer({"bootstrap.servers": BOOTSTRAP, "group.id": "asks"})
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    consumer.close()
    return low, high


@case
def it_fills_up():
    create(FILLED)
    create(OTHER)
    taken = fill(FILLED)
    check(taken > 20, f"{taken} records")
    check_equal(end_of(FILLED), (0, taken), "the log")
    check(send(impatient(), OTHER) is not None, "the whole disk is full")


@case
def kafka_python_is_told_the_same():
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", retries=0, max_request_size=1 << 20)
    try:
        producer.send(OTHER, VALUE).get(timeout=30)
    except KafkaStorageError as error:
        check(error.retriable, "it may be tried again")
    else:
        raise AssertionError("a record was taken")
    finally:
        producer.close(timeout=5)


@case
def consumers_read_and_commit():
    low, high = end_of(FILLED)
    settings = {"bootstrap.servers": BOOTSTRAP, "group.id": "reads", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings | {"enable.auto.commit": False})
    consumer.subscribe([FILLED])
    read = 0
    while read < high - low:
        message = consumer.poll(30)
        check(message is not None and message.error() is None, f"record {read}: {message and message.error()}")
        read += 1
    committed = consumer.commit(asynchronous=False)
    check_equal([(part.offset, part.error) for part in committed], [(high, None)], "what is committed")
    consumer.close()


@case
def administration_goes_on():
    create("created-when-full")
    change = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, "created-when-full", incremental_configs=[change])
    done(ADMIN.incremental_alter_configs([resource]))
    found = done(ADMIN.describe_configs([ConfigResource(ResourceType.TOPIC, "created-when-full")]))
    (configs,) = found.values()
    check_equal(configs["retention.ms"].value, "3600000", "the config")
    done(ADMIN.delete_topics(["created-when-full"]))


@case
def deleting_records_makes_space_and_who_tried_all_along_is_served():
    low, high = end_of(FILLED)
    patient = Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "message.timeout.ms": 60_000})
    outcome = []
    patient.produce(OTHER, VALUE, on_delivery=lambda error, _: outcome.append(error))
    patient.poll(1)
    check_equal(outcome, [], "it is still trying")
    done(ADMIN.delete_records([TopicPartition(FILLED, 0, high - 5)]))
    check_equal(patient.flush(60), 0, "records left to send")
    check_equal(outcome, [None], "what became of it")
    check_equal(end_of(OTHER), (0, 1), "it is there once")
    check_equal(end_of(FILLED)[1], high, "what was acknowledged")


@case
def retention_makes_space():
    fill(FILLED)
    change = ConfigEntry("retention.bytes", "4194304", incremental_operation=AlterConfigOpType.SET)
    done(ADMIN.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, FILLED, incremental_configs=[change])]))
    eventually(lambda: send(impatient(), OTHER) is None, "there is space")


@case
def deleting_a_topic_makes_space():
    fill(OTHER)
    done(ADMIN.delete_topics([OTHER]))
    eventually(lambda: send(impatient(), FILLED) is None, "there is space")


main("full disk")
