// kafkajs against the broker at $BOOTSTRAP: a line per case, and an exit code that says whether all passed.
// Consuming with kafkajs needs a group: one case does it, the others read the admin client's offsets.
'use strict'

const assert = require('node:assert/strict')
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = require('kafkajs')
const SnappyCodec = require('kafkajs-snappy')
const { ZstdCodec } = require('zstd-codec')

const RUN = process.pid
const BIG = 10 * 1024 * 1024
const BROKERS = process.env.BOOTSTRAP.split(',')
// Topics have as many replicas as they may, up to three.
const REPLICAS = Math.min(BROKERS.length, 3)
const MANY_PARTITIONS = BROKERS.length === 1 ? 1000 : 300

const kafka = new Kafka({ clientId: 'kafkajs-suite', brokers: BROKERS, logLevel: logLevel.NOTHING })
const admin = kafka.admin()
const cases = []
const test = (name, body) => cases.push({ name, body })

async function create(name, numPartitions = 1, configs = {}) {
  const topic = `kj-${name}-${RUN}`
  const configEntries = Object.entries(configs).map(([key, value]) => ({ name: key, value }))
  await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, replicationFactor: REPLICAS, configEntries }] })
  await eventually(`${topic} is led`, () => isLed(topic, numPartitions))
  return topic
}

// Asked here and not by waitForLeaders, which gives up when the broker does not know the topic yet, as Kafka too may not.
async function isLed(topic, count) {
  try {
    const { partitions } = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]
    return partitions.length === count && partitions.every(({ leader, partitionErrorCode }) => leader >= 0 && partitionErrorCode === 0)
  } catch (error) {
    if (error.type === 'UNKNOWN_TOPIC_OR_PARTITION' || error.type === 'LEADER_NOT_AVAILABLE') return false
    throw error
  }
}

async function withProducer(options, body) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...options })
  await producer.connect()
  try {
    return await body(producer)
  } finally {
    await producer.disconnect()
  }
}

async function ends(topic) {
  const offsets = await admin.fetchTopicOffsets(topic)
  return offsets.sort((a, b) => a.partition - b.partition)
}

async function eventually(what, condition) {
  const deadline = Date.now() + 30_000
  while (!(await condition())) {
    assert(Date.now() < deadline, `not within 30 s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

const refused = (call, type) =>
  assert.rejects(call, error => {
    const types = [error.type, ...(error.errors || []).map(one => one.type)]
    assert(types.includes(type), `wanted ${type}, got ${types}`)
    return true
  })

// There is no LZ4 in plain JavaScript that Kafka reads; the other clients' suites send it.
const CODECS = ['None', 'GZIP', 'Snappy', 'ZSTD']

function codecs(zstd) {
  CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: encoder => Buffer.from(new zstd.Simple().compress(encoder.buffer)),
    decompress: buffer => Buffer.from(new zstd.Simple().decompress(buffer)),
  })
}

test('produces with each codec and each acks', async () => {
  const messages = Array.from({ length: 50 }, (_, n) => ({ value: `value ${n} `.repeat(40) }))
  for (const codec of CODECS) {
    for (const acks of [0, 1, -1]) {
      const topic = await create(`${codec}-${acks}`.toLowerCase())
      await withProducer({}, producer => producer.send({ topic, messages, acks, compression: CompressionTypes[codec] }))
      await eventually(`50 records of ${codec} ${acks}`, async () => (await ends(topic))[0].high === '50')
    }
  }
})

test('an idempotent producer writes each record once', async () => {
  const topic = await create('idempotent')
  await withProducer({ idempotent: true, maxInFlightRequests: 1 }, async producer => {
    for (let n = 0; n < 100; n++) {
      const [sent] = await producer.send({ topic, messages: [{ value: `${n}` }] })
      assert.equal(sent.baseOffset, `${n}`)
    }
  })
})

test('keys, values and headers may be null', async () => {
  const topic = await create('nulls')
  const headers = { h: ['1', '2'], empty: '' }
  const messages = [{ value: 'no key' }, { key: 'no value', value: null }, { key: '', value: '', headers }]
  await withProducer({}, producer => producer.send({ topic, messages }))
  assert.equal((await ends(topic))[0].high, '3')
})

test('offsets by time', async () => {
  const topic = await create('times')
  await withProducer({}, async producer => {
    for (let n = 0; n < 10; n++) {
      await producer.send({ topic, messages: [{ value: `${n}`, timestamp: `${1_000_000 + n * 1_000}` }] })
    }
  })
  assert.equal((await admin.fetchTopicOffsetsByTimestamp(topic, 1_003_500))[0].offset, '4')
  assert.equal((await admin.fetchTopicOffsetsByTimestamp(topic, 9_000_000))[0].offset, '10')
})

test('a record of ten megabytes', async () => {
  const topic = await create('big', 1, { 'max.message.bytes': `${BIG + 100_000}` })
  const value = Buffer.alloc(BIG, 'x')
  await withProducer({}, producer => producer.send({ topic, messages: [{ value }] }))
  assert.equal((await ends(topic))[0].high, '1')
})

test('a record over the limit is refused', async () => {
  const topic = await create('too-big', 1, { 'max.message.bytes': '1000' })
  const messages = [{ value: 'x'.repeat(2000) }]
  await refused(withProducer({}, producer => producer.send({ topic, messages })), 'MESSAGE_TOO_LARGE')
})

test('topics are created, described, grown and deleted', async () => {
  const topic = await create('admin', 2)
  assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }), false)
  await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
  const partitions = async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0].partitions.length
  await eventually('five partitions', async () => (await partitions()) === 5)
  await admin.deleteTopics({ topics: [topic] })
  await eventually('the topic is gone', async () => !(await admin.listTopics()).includes(topic))
})

test('configs are described and altered', async () => {
  const topic = await create('configs', 1, { 'retention.ms': '1000000' })
  const value = async key => {
    const { resources } = await admin.describeConfigs({ includeSynonyms: true, resources: [{ type: 2, name: topic }] })
    return resources[0].configEntries.find(({ configName }) => configName === key).configValue
  }
  assert.equal(await value('retention.ms'), '1000000')
  assert.equal(await value('cleanup.policy'), 'delete')
  const configEntries = [{ name: 'retention.ms', value: '2000000' }]
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] })
  await eventually('the new value', async () => (await value('retention.ms')) === '2000000')
})

test('records before an offset are deleted', async () => {
  const topic = await create('delete-records')
  const messages = Array.from({ length: 10 }, (_, n) => ({ value: `${n}` }))
  await withProducer({}, producer => producer.send({ topic, messages }))
  assert.equal((await ends(topic))[0].low, '0')
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] })
  assert.deepEqual(await ends(topic), [{ partition: 0, offset: '10', high: '10', low: '4' }])
})

test('the cluster is described', async () => {
  const cluster = await admin.describeCluster()
  assert.equal(cluster.brokers.length, BROKERS.length)
  assert(cluster.clusterId)
})

// The last one: kafkajs keeps asking for a topic whose offsets it was asked for, and fails once it is deleted.
test('a group shares partitions and resumes where it committed', async () => {
  const topic = await create('group', 4)
  const groupId = `${topic}-readers`
  const read = []
  const member = async () => {
    const consumer = kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 10_000 })
    let owned = []
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { owned = payload.memberAssignment[topic] || [] })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => { read.push(Number(message.value)) } })
    return { consumer, owned: () => owned }
  }
  const all = [0, 1, 2, 3]
  const first = await member()
  await eventually('one member owns all', () => first.owned().length === 4)
  const second = await member()
  await eventually('two members share', () => {
    const parts = [first.owned(), second.owned()]
    return parts.every(part => part.length) && parts.flat().sort().join() === all.join()
  }).catch(error => { throw new Error(`${error.message}: ${first.owned()} and ${second.owned()}`) })
  await second.consumer.disconnect()
  await eventually('the rest is taken over', () => first.owned().length === 4)
  const messages = Array.from({ length: 20 }, (_, n) => ({ partition: n % 4, value: `${n}` }))
  await withProducer({}, producer => producer.send({ topic, messages }))
  await eventually('all is read', () => read.length >= 20)
  await first.consumer.disconnect()
  assert.deepEqual(read.sort((a, b) => a - b), messages.map((_, n) => n))
  const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
  assert.deepEqual(partitions.map(({ offset }) => offset), ['5', '5', '5', '5'])
  const { groups: [{ state }] } = await admin.describeGroups([groupId])
  assert.equal(state, 'Empty')
  await admin.deleteGroups([groupId])
})

test('a topic of a thousand partitions', async () => {
  const topic = await create('thousand', MANY_PARTITIONS)
  // A broker that has just created partitions may not lead all of them yet, and kafkajs gives up after a few tries.
  await eventually('every partition is led', () => ends(topic).then(() => true, () => false))
  const messages = Array.from({ length: MANY_PARTITIONS }, (_, partition) => ({ partition, value: `${partition}` }))
  await withProducer({}, producer => producer.send({ topic, messages }))
  const offsets = await ends(topic)
  assert.equal(offsets.length, MANY_PARTITIONS)
  // At least one: kafkajs sends a whole request again when one partition's leader is not known yet.
  assert(offsets.every(({ low, high }) => low === '0' && Number(high) >= 1), 'a record in each partition')
  await admin.deleteTopics({ topics: [topic] })
})

async function main() {
  await new Promise(resolve => ZstdCodec.run(zstd => resolve(codecs(zstd))))
  await admin.connect()
  let failed = 0
  for (const { name, body } of cases) {
    const started = Date.now()
    try {
      await body()
      console.log(`PASS kafkajs: ${name} (${(Date.now() - started) / 1000} s)`)
    } catch (error) {
      failed += 1
      console.log(`FAIL kafkajs: ${name}\n${error.stack}`)
    }
  }
  await admin.disconnect()
  console.log(`kafkajs: ${cases.length - failed} passed, ${failed} failed`)
  process.exit(failed ? 1 : 0)
}

main()
