// kafkajs's members of a churning group: `churn.js GROUP TOPIC`, told on standard input who joins (`join NAME`) and who
// leaves (`leave NAME`). Everything that befalls them is a line of standard output: crates/testkit/tests/churn.
'use strict'

const fs = require('node:fs')
const readline = require('node:readline')
const { Kafka, logLevel } = require('kafkajs')

const [groupId, topic] = process.argv.slice(2)
const REFUSED = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS']

async function member(name) {
  // One write of one line: the file's order is the order in which things happened.
  const tell = what => fs.writeSync(1, `${name} ${what}\n`)
  const kafka = new Kafka({ clientId: name, brokers: process.env.BOOTSTRAP.split(','), logLevel: logLevel.ERROR })
  const consumer = kafka.consumer({
    groupId, sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 10_000, maxWaitTimeInMs: 200, metadataMaxAge: 1000,
  })
  let owned = []
  const revoke = () => {
    if (owned.length) tell(`revoked ${owned.join()}`)
    owned = []
  }
  consumer.on(consumer.events.REBALANCING, revoke)
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    revoke()
    owned = payload.memberAssignment[topic] || []
    tell(`assigned - ${owned.join()}`)
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => tell(`failed ${payload.error}`))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch: { partition, messages }, isRunning, isStale, resolveOffset }) => {
      if (!isRunning() || isStale() || !owned.includes(partition)) return
      tell(`read ${messages.map(({ offset }) => `${partition}:${offset}`).join()}`)
      const offset = `${Number(messages.at(-1).offset) + 1}`
      tell(`committing ${partition}:${offset}`)
      try {
        await consumer.commitOffsets([{ topic, partition, offset }])
      } catch (error) {
        if (REFUSED.includes(error.type)) tell(`refused ${partition}:${offset}`)
        throw error
      }
      tell(`committed ${partition}:${offset}`)
      resolveOffset(messages.at(-1).offset)
    },
  })
  return async () => {
    await consumer.disconnect()
    tell('left')
  }
}

const leave = new Map()
readline.createInterface({ input: process.stdin }).on('line', async line => {
  const [command, name] = line.split(' ')
  if (command === 'join') leave.set(name, member(name))
  else await (await leave.get(name))()
}).on('close', () => process.exit(0))
