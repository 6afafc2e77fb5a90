"""aiokafka's members of a churning group: see churn.py."""

import asyncio

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition, errors
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from churn import GROUP, SETTINGS, TOPIC, numbers, obey, pairs
from suite import BOOTSTRAP

ASSIGNORS = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor}


class Listener(ConsumerRebalanceListener):
    def __init__(self, told, busy, consumer):
        self.told, self.busy, self.consumer = told, busy, consumer

    async def on_partitions_revoked(self, revoked):
        # A rebalance begins at any time: what is read just now is committed before it is given away.
        async with self.busy:
            self.told.tell(f"revoked {numbers(revoked)}")

    async def on_partitions_assigned(self, assigned):
        self.told.tell(f"assigned {self.consumer._coordinator.generation} {numbers(assigned)}")


async def live(told):
    busy = asyncio.Lock()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=BOOTSTRAP, group_id=GROUP, client_id=told.name, auto_offset_reset="earliest",
        enable_auto_commit=False, session_timeout_ms=told.session_timeout, heartbeat_interval_ms=500,
        group_instance_id=told.instance, metadata_max_age_ms=1000,
        partition_assignment_strategy=[ASSIGNORS[SETTINGS["assignor"]]],
    )
    consumer.subscribe([TOPIC], listener=Listener(told, busy, consumer))
    await consumer.start()
    while not told.leaving:
        async with busy:
            fetched = await consumer.getmany(timeout_ms=0)
            read = [record for records in fetched.values() for record in records]
            if read:
                told.tell("read " + pairs((record.partition, record.offset) for record in read))
                await commit(told, consumer, {record.partition: record.offset + 1 for record in read})
        await asyncio.sleep(0.02)
    await consumer.stop()


async def commit(told, consumer, offsets):
    told.tell("committing " + pairs(offsets.items()))
    try:
        await consumer.commit({TopicPartition(TOPIC, partition): offset for partition, offset in offsets.items()})
    except (errors.CommitFailedError, errors.IllegalStateError):
        told.tell("refused " + pairs(offsets.items()))
    else:
        told.tell("committed " + pairs(offsets.items()))


obey(lambda told: asyncio.run(live(told)))
