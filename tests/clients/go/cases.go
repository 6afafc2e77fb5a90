package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var cases = []testCase{
	{"produces with each codec and each acks", codecsAndAcks},
	{"an idempotent producer writes each record once", idempotent},
	{"keys, values and headers may be null", nulls},
	{"consumes from beginning, end, offset and time", seeks},
	{"a record of ten megabytes", bigRecord},
	{"a record over the limit is refused", tooBig},
	{"topics are created, described, grown and deleted", topics},
	{"a topic of a thousand partitions", thousandPartitions},
	{"configs are described and altered", configs},
	{"records before an offset are deleted", deleteRecords},
	{"the cluster and its log dirs are described", cluster},
	{"a group shares partitions and resumes where it committed", groups},
}

func codecsAndAcks(ctx context.Context) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
	for codec, compression := range codecs {
		for ack, required := range acks {
			topic := create(ctx, "fg-"+codec+"-"+ack, 1, nil)
			options := []kgo.Opt{kgo.ProducerBatchCompression(compression), kgo.RequiredAcks(required)}
			if ack != "all" {
				options = append(options, kgo.DisableIdempotentWrite())
			}
			offsets := produce(ctx, topic, values(50), options...)
			if ack != "0" {
				equal("offsets of "+codec+" "+ack, offsets, sequence(0, 50))
			}
			for n, record := range consume(ctx, topic, kgo.NewOffset().AtStart(), 50) {
				equal("value of "+codec+" "+ack, string(record.Value), fmt.Sprintf("value %d", n))
			}
		}
	}
}

func idempotent(ctx context.Context) {
	topic := create(ctx, "fg-idempotent", 1, nil)
	equal("offsets", produce(ctx, topic, values(1000)), sequence(0, 1000))
}

func nulls(ctx context.Context) {
	topic := create(ctx, "fg-nulls", 1, nil)
	headers := []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "h", Value: nil}, {Key: "empty", Value: []byte{}}}
	produce(ctx, topic, []*kgo.Record{
		{Value: []byte("no key")}, {Key: []byte("no value")}, {Key: []byte{}, Value: []byte{}, Headers: headers},
	})
	records := consume(ctx, topic, kgo.NewOffset().AtStart(), 3)
	equal("null key", records[0].Key == nil, true)
	equal("null value", records[1].Value == nil, true)
	equal("empty key", records[2].Key, []byte{})
	equal("headers", records[2].Headers, headers)
}

func seeks(ctx context.Context) {
	topic := create(ctx, "fg-seek", 1, nil)
	produce(ctx, topic, values(10), kgo.ProducerBatchMaxBytes(1024), kgo.MaxBufferedRecords(1))
	equal("from offset 7", consume(ctx, topic, kgo.NewOffset().At(7), 3)[0].Offset, int64(7))
	equal("relative to the end", consume(ctx, topic, kgo.NewOffset().AtEnd().Relative(-2), 2)[0].Offset, int64(8))
	after := consume(ctx, topic, kgo.NewOffset().AfterMilli(1_003_500), 6)
	equal("from a time", after[0].Offset, int64(4))
	equal("timestamp", after[0].Timestamp.UnixMilli(), int64(1_004_000))
	reset := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
	equal("reset when out of range", consume(ctx, topic, kgo.NewOffset().At(99), 10, reset)[0].Offset, int64(0))
	adm := admin()
	defer adm.Close()
	offset := func(listed kadm.ListedOffsets, err error) int64 { return must(listed, err)[topic][0].Offset }
	equal("start", offset(adm.ListStartOffsets(ctx, topic)), int64(0))
	equal("end", offset(adm.ListEndOffsets(ctx, topic)), int64(10))
	equal("committed end", offset(adm.ListCommittedOffsets(ctx, topic)), int64(10))
	equal("largest timestamp", offset(adm.ListMaxTimestampOffsets(ctx, topic)), int64(9))
	equal("after a time", offset(adm.ListOffsetsAfterMilli(ctx, 1_008_500, topic)), int64(9))
}

func bigRecord(ctx context.Context) {
	topic := create(ctx, "fg-big", 1, map[string]*string{"max.message.bytes": text(fmt.Sprint(big + 100_000))})
	value := bytes.Repeat([]byte("0123456789abcdef"), big/16)
	produce(ctx, topic, []*kgo.Record{{Value: value}}, kgo.ProducerBatchMaxBytes(big+100_000))
	record := consume(ctx, topic, kgo.NewOffset().AtStart(), 1)[0]
	equal("the value comes back whole", bytes.Equal(record.Value, value), true)
}

func tooBig(ctx context.Context) {
	topic := create(ctx, "fg-too-big", 1, map[string]*string{"max.message.bytes": text("1000")})
	cl := client(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer cl.Close()
	err := cl.ProduceSync(ctx, &kgo.Record{Value: bytes.Repeat([]byte("x"), 2000)}).FirstErr()
	fails("too big", err, kerr.MessageTooLarge)
}

func topics(ctx context.Context) {
	topic := create(ctx, "fg-admin", 2, nil)
	adm := admin()
	defer adm.Close()
	_, err := adm.CreateTopic(ctx, 2, 1, nil, topic)
	fails("created twice", err, kerr.TopicAlreadyExists)
	_, err = adm.CreateTopic(ctx, 0, 1, nil, "fg-none"+run)
	fails("no partitions", err, kerr.InvalidPartitions)
	must(0, must(adm.UpdatePartitions(ctx, 5, topic)).Error())
	for len(must(adm.ListTopics(ctx, topic))[topic].Partitions) != 5 {
		time.Sleep(20 * time.Millisecond)
		must(0, ctx.Err())
	}
	_, err = adm.DeleteTopic(ctx, topic)
	must(0, err)
	for must(adm.ListTopics(ctx, topic))[topic].Err == nil {
		time.Sleep(20 * time.Millisecond)
		must(0, ctx.Err())
	}
}

func thousandPartitions(ctx context.Context) {
	topic := create(ctx, "fg-thousand", int32(manyPartitions), nil)
	var records []*kgo.Record
	places := map[int32]kgo.Offset{}
	for n := range int32(manyPartitions) {
		records = append(records, &kgo.Record{Partition: n, Value: fmt.Append(nil, n)})
		places[n] = kgo.NewOffset().AtStart()
	}
	produce(ctx, topic, records, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	cl := client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: places}))
	defer cl.Close()
	seen := map[int32]bool{}
	for _, record := range poll(ctx, cl, manyPartitions) {
		equal("value", string(record.Value), fmt.Sprint(record.Partition))
		seen[record.Partition] = true
	}
	equal("partitions with a record", len(seen), manyPartitions)
	adm := admin()
	defer adm.Close()
	must(adm.DeleteTopic(ctx, topic))
}

func configs(ctx context.Context) {
	topic := create(ctx, "fg-configs", 1, map[string]*string{"retention.ms": text("1000000")})
	adm := admin()
	defer adm.Close()
	value := func(key string) (found string) {
		described := must(must(adm.DescribeTopicConfigs(ctx, topic)).On(topic, nil))
		for _, config := range described.Configs {
			if config.Key == key {
				found = config.MaybeValue()
			}
		}
		return found
	}
	becomes := func(key, wanted string) {
		for value(key) != wanted {
			time.Sleep(20 * time.Millisecond)
			must(0, ctx.Err())
		}
	}
	equal("as created", value("retention.ms"), "1000000")
	equal("the default", value("cleanup.policy"), "delete")
	change := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: text("2000000")},
		{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: text("compact")}}
	must(0, must(must(adm.AlterTopicConfigs(ctx, change, topic)).On(topic, nil)).Err)
	becomes("retention.ms", "2000000")
	becomes("cleanup.policy", "delete,compact")
	must(0, must(must(adm.AlterTopicConfigsState(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: text("5000")}}, topic)).On(topic, nil)).Err)
	becomes("retention.ms", "5000")
	becomes("cleanup.policy", "delete")
	wrong := must(must(adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Name: "retention.ms", Value: text("x")}}, topic)).On(topic, nil))
	fails("a value that is no number", wrong.Err, kerr.InvalidConfig)
}

func deleteRecords(ctx context.Context) {
	topic := create(ctx, "fg-delete-records", 1, nil)
	produce(ctx, topic, values(10))
	adm := admin()
	defer adm.Close()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 4, -1)
	deleted := must(adm.DeleteRecords(ctx, offsets))
	equal("low watermark", deleted[topic][0].LowWatermark, int64(4))
	equal("start", must(adm.ListStartOffsets(ctx, topic))[topic][0].Offset, int64(4))
}

func cluster(ctx context.Context) {
	topic := create(ctx, "fg-dirs", 1, nil)
	produce(ctx, topic, values(3))
	adm := admin()
	defer adm.Close()
	equal("brokers", len(must(adm.ListBrokers(ctx))), len(brokers))
	dirs := must(adm.DescribeAllLogDirs(ctx, nil))
	found := false
	dirs.Each(func(dir kadm.DescribedLogDir) {
		partition, ok := dir.Topics.Lookup(topic, 0)
		found = found || ok && partition.Size > 0
	})
	equal("the topic is in a log dir", found, true)
}

func groups(ctx context.Context) {
	topic := create(ctx, "fg-group", 4, nil)
	group := topic + "-readers"
	member := func(options ...kgo.Opt) *kgo.Client {
		return must(kgo.NewClient(append(options, kgo.SeedBrokers(brokers...), kgo.ConsumerGroup(group),
			kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(500*time.Millisecond))...))
	}
	adm := admin()
	defer adm.Close()
	settled := func(members int) {
		for {
			described := must(adm.DescribeGroups(ctx, group))[group]
			owned := 0
			for _, one := range described.Members {
				if parts, ok := one.Assigned.AsConsumer(); ok {
					for _, topic := range parts.Topics {
						owned += len(topic.Partitions)
					}
				}
			}
			if described.State == "Stable" && len(described.Members) == members && owned == 4 {
				return
			}
			must(0, ctx.Err())
			time.Sleep(50 * time.Millisecond)
		}
	}
	first := member()
	second := member()
	settled(2)
	second.Close()
	settled(1)
	records := values(20)
	for _, record := range records {
		record.Partition = -1
	}
	produce(ctx, topic, records)
	read := 0
	for read < 20 {
		fetches := first.PollFetches(ctx)
		must(0, fetches.Err())
		read += fetches.NumRecords()
	}
	equal("records read", read, 20)
	must(0, first.CommitUncommittedOffsets(ctx))
	first.Close()
	total := int64(0)
	must(adm.FetchOffsets(ctx, group)).Each(func(offset kadm.OffsetResponse) { total += offset.At })
	equal("committed offsets", total, int64(20))
	must(0, must(adm.DeleteGroups(ctx, group))[group].Err)
}
